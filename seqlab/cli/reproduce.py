"""`seqlab reproduce`: run a run again, and say whether it comes out the same."""

import argparse
import logging
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqlab.cli.inputs import add_allow

if TYPE_CHECKING:
    from seqlab.training.reproduce import Difference, Reproduction

DESCRIPTION = """Train again as a run folder says (config, data, seed, threads), and compare with what it left.

  seqlab reproduce runs/X                       into runs/X_again_<date>_<time>
  seqlab reproduce runs/X -o FOLDER
  seqlab reproduce runs/X --anyway              though the data are not what the run read

Exit status: 0 where metrics and weights are identical to the bit, 1 where they differ, 2 where the run cannot be run again.
"""
EXIT_DIFFERENT = 1
EXIT_STOPPED = 2
MAX_ROWS = 40
"""Metrics shown that differ; all are in the two files."""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "reproduce",
        help="run a run again, and compare to the bit",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="RUN", type=Path, help="run folder")
    parser.add_argument("-o", "--output", metavar="FOLDER", type=Path, help="folder of the second run")
    parser.add_argument("--anyway", action="store_true", help="train even where the data have changed")
    add_allow(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train again and print what differs."""
    from seqlab.training.reproduce import Original

    original = Original(options.folder)
    changed = original.changed_data()
    for line in changed:
        print(f"data: {line}", file=sys.stderr)
    if changed and not options.anyway:
        print(f"{options.folder}: the data are not what the run read; add --anyway to train nevertheless", file=sys.stderr)
        return EXIT_STOPPED
    for one in original.changed_settings():
        print(f"{one.name}: {one.there} then, {one.here} now", file=sys.stderr)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    found = original.reproduce(options.output or _fresh(options.folder), allow=options.allow)
    _print(found, first=options.folder)
    return 0 if found.is_identical else EXIT_DIFFERENT


def _fresh(folder: Path) -> Path:
    absolute = folder.absolute()
    return absolute.with_name(f"{absolute.name}_again_{datetime.now():%Y-%m-%d_%H-%M-%S}")


def _print(found: "Reproduction", *, first: Path) -> None:
    if found.is_identical:
        print("\nreproduced: metrics and weights are identical to the bit")
    elif not found.metrics:
        print("\nmetrics are identical to the bit, though weights differ")
    else:
        print(f"\nnot identical: {len(found.metrics)} metrics differ")
        _print_table(found.metrics)
    reasons = [f"data: {line}" for line in found.sources]
    reasons += [f"{one.name}: {one.there} then, {one.here} now" for one in found.settings]
    if reasons:
        print("what differs around it:", *reasons, sep="\n  ")
    elif not found.is_identical:
        print("data, versions, threads and machine are the same; a GPU, or code with changes, may be why")
    print(f"\nfirst run   {shlex.quote(str(first))}\nsecond run  {shlex.quote(str(found.folder))}")


def _print_table(metrics: Sequence["Difference"]) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from seqlab.cli.score_tables import table_console

    console = table_console()
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False)
    table.add_column("metric", no_wrap=True)
    for column in ("then", "now", "difference"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in metrics[:MAX_ROWS]:
        are_numbers = isinstance(one.there, int | float) and isinstance(one.here, int | float)
        change = f"{one.here - one.there:+.6g}" if are_numbers else ""
        table.add_row(*(escape(text) for text in (one.name, _shown(one.there), _shown(one.here), change)))
    console.print(table)
    if len(metrics) > MAX_ROWS:
        print(f"… and {len(metrics) - MAX_ROWS} more")


def _shown(value: Any) -> str:
    return "absent" if value is None else f"{value:.6f}" if isinstance(value, float) else str(value)
