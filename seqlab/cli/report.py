"""Write a report as one self-contained HTML file, or as Markdown or JSON.

  seqlab report runs/X                          one run: learning curves, scores by type, confusions, errors by kind, worst
                                                records, calibration, labels that may be wrong, speed
  seqlab report multiruns/X                     all runs below a folder: settings that differ, scores with intervals over
                                                seeds, importance of settings, learning curves
  seqlab report trials.json                     a study from `seqlab sweep export`: also pruned and failed trials
  seqlab report runs/X --format markdown -o notes.md

Reports quote test records verbatim, so keep reports on private data private.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from seqlab.cli.inputs import add_allow, add_command
from seqlab.errors import ConfigError, SeqlabError

STUDY = "study.json"
"""File in the folder of a sweep that names its study."""
FORMATS = {"html": ".html", "markdown": ".md", "json": ".json"}


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, "report", run, summary="write a report on a run, a folder of runs or a sweep", description=__doc__
    )
    parser.add_argument("subject", metavar="RUN|FOLDER|STUDY.json", type=Path)
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="file to write (default: report.html in the folder)")
    parser.add_argument("--format", choices=list(FORMATS), help="output format (default: by the extension of FILE, else html)")
    parser.add_argument("--examples", metavar="N", type=int, default=20, help="records shown per head (default: 20)")
    add_allow(parser)


@contextmanager
def _subject(path: Path) -> Iterator[Path]:
    """Yield what to report on: for the folder of a study, its export, which knows pruned trials from failed ones."""
    from seqlab.config.plugins.commands import commands_of_plugins

    sweep = next((one for one in commands_of_plugins(()) if one.name == "sweep"), None)
    with TemporaryDirectory() as folder:
        export = Path(folder) / "trials.json"
        if (path / STUDY).is_file():
            try:
                if sweep is None:
                    raise ConfigError(f"{path} is the folder of a study, which the plugin seqlab-sweep reads")
                sweep.run(argparse.Namespace(words=["export", str(path), "-o", str(export)]))
            except SeqlabError as error:
                print(f"note: {error}; reporting its runs alone, where pruned trials look like failed ones", file=sys.stderr)
        yield export if export.is_file() else path


def run(options: argparse.Namespace) -> int:
    """Write the report and print its path."""
    from seqlab.report.document.writing import written
    from seqlab.report.subject import report_of

    if options.examples < 0:
        raise ConfigError(f"--examples is {options.examples}; expected 0 or more")
    formats = {extension: name for name, extension in FORMATS.items()}
    kind = options.format or formats.get(options.output.suffix.lower() if options.output else "", "html")
    with _subject(options.subject) as subject:
        document = report_of(subject, n_examples=options.examples, allow=options.allow)
    folder = options.subject if options.subject.is_dir() else options.subject.parent
    path = options.output or folder / f"report{FORMATS[kind]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(written(document, kind), encoding="utf-8")
    print(path)
    return 0
