"""`seqlab report`: one file on a run, on a folder of runs, or on a sweep."""

import argparse
from pathlib import Path
from typing import Any

from seqlab.cli.inputs import add_allow
from seqlab.errors import ConfigError

FORMATS = {"html": ".html", "markdown": ".md", "json": ".json"}
DESCRIPTION = """Write a report: one HTML file that needs nothing else, or the same as Markdown or JSON.

  seqlab report runs/X                          of a run: learning curves, scores by type, confusions, errors by kind, the
                                                worst records, calibration, labels that may be wrong, speed
  seqlab report multiruns/X                     of all runs below a folder: settings that differ, scores with intervals over
                                                seeds, what each setting explains, learning curves
  seqlab report trials.json                     of a study, as `seqlab sweep export` writes it: also what was pruned or failed
  seqlab report runs/X --format markdown -o notes.md

Test records are shown as they are: keep reports on private data private.
"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "report",
        help="write a report on a run, a folder of runs or a sweep",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("subject", metavar="RUN|FOLDER|STUDY.json", type=Path)
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="default: report.html (.md, .json) in the folder")
    parser.add_argument("--format", choices=list(FORMATS), help="default: as FILE ends, else html")
    parser.add_argument("--examples", metavar="N", type=int, default=20, help="records shown of each head (default: 20)")
    add_allow(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the report, and print where it is."""
    from seqlab.report.document.writing import written
    from seqlab.report.subject import report_of

    if options.examples < 0:
        raise ConfigError(f"--examples is {options.examples}; expected 0 or more")
    kind = options.format or _format_of(options.output)
    document = report_of(options.subject, n_examples=options.examples, allow=options.allow)
    folder = options.subject if options.subject.is_dir() else options.subject.parent
    path = options.output or folder / f"report{FORMATS[kind]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(written(document, kind), encoding="utf-8")
    print(path)
    return 0


def _format_of(path: Path | None) -> str:
    ends = {".md": "markdown", ".json": "json"}
    return ends.get(path.suffix.lower(), "html") if path is not None else "html"
