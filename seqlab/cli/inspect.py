"""`seqlab inspect`: what a model does inside while it reads one record."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqlab.cli.inputs import add_allow
from seqlab.errors import ConfigError, DataError

if TYPE_CHECKING:
    from seqlab.report import Inspection

DEFAULT_FOLDER = Path("inspection")
DESCRIPTION = """Show gates, states and influence of a recurrent model over one record, as pictures and as a page.

  seqlab inspect runs/X --text "Maria Lindqvist flew to Oslo ."
  seqlab inspect runs/X --text "…" --beside runs/Y runs/Z       the influence of their first step as well
  seqlab inspect runs/X --record '{"frames": [[0.1, 1.0], …]}'  any columns that the model reads

FOLDER gets index.html (everything, offline), a PNG for each direction of each layer (gates and states by unit and step),
influence.png (the norm of d h_t / d x_1 over t, beside untrained rnn, lstm and gru of the same width) and the numbers,
traces.safetensors. Needs the extra `plots`.
"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "inspect",
        help="show a model's gates, states and influence over one record",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL", type=Path, help="run folder, or the model folder in it")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", help="the record as text")
    source.add_argument("--record", metavar="JSON", help="the record as a JSON object, or a list of tokens")
    parser.add_argument("--beside", metavar="MODEL", type=Path, nargs="+", default=[], help="other models to compare")
    parser.add_argument("-o", "--output", metavar="FOLDER", type=Path, default=DEFAULT_FOLDER, help="default: inspection")
    add_allow(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the pictures, and print where they are."""
    from seqlab.inference.tagger import Tagger
    from seqlab.report import inspect, write_inspection

    item = options.text if options.text is not None else _record(options.record)
    if options.output.exists() and not options.output.is_dir():
        raise ConfigError(f"--output {options.output} is a file; give a folder")
    tagger = Tagger.load(options.model, allow=options.allow)
    beside = {str(path): Tagger.load(path, allow=options.allow) for path in options.beside}
    found = inspect(tagger, item, name=str(options.model), beside=beside)
    paths = write_inspection(found, options.output, name=str(options.model))
    _print_means(found)
    for path in paths:
        print(path)
    return 0


def _record(text: str) -> Mapping[str, Any] | list[str]:
    try:
        record: Any = json.loads(text)
    except ValueError as error:
        raise DataError(f"--record is no JSON ({error}); give an object with the columns that the model reads") from error
    if not isinstance(record, dict | list):
        raise DataError(f"--record is {record!r:.40}; expected a JSON object, or a list of tokens")
    return record


def _print_means(found: "Inspection") -> None:
    """Print how far each gate is open, its mean over units and steps."""
    from rich.console import Console
    from rich.table import Table

    from seqlab.report import mean_gates

    by_direction = [(traced, mean_gates(traced)) for traced in found.traces]
    names = list(dict.fromkeys(name for _, means in by_direction for name in means))
    if not names:
        return
    table = Table(box=None, pad_edge=False)
    for column in ("layer", "direction", *names):
        table.add_column(column, justify="right" if column in names else "left")
    for traced, means in by_direction:
        cells = [f"{sum(means[name]) / len(means[name]):.2f}" if name in means else "" for name in names]
        table.add_row(traced.layer, traced.reading, *cells)
    console = Console()
    console.print(table)
    console.print()
