"""Train again as a run folder records it (config, data, seed, threads), and compare the results.

  seqlab reproduce runs/X                       into runs/X_again_<date>_<time>
  seqlab reproduce runs/X -o FOLDER
  seqlab reproduce runs/X --anyway              even if the data have changed

Exit status: 0 if metrics and weights are bit-identical, 1 if they differ, 2 if the run cannot be repeated.
"""

import argparse
import logging
import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqlab.cli.inputs import add_allow, add_command

if TYPE_CHECKING:
    from seqlab.training.reproduce import Difference, Reproduction

EXIT_DIFFERENT = 1
EXIT_STOPPED = 2
MAX_ROWS = 40
"""Maximum number of differing metrics to show; the two metrics.json have all."""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, "reproduce", run, summary="repeat a run and compare the results bit by bit", description=__doc__
    )
    parser.add_argument("folder", metavar="RUN", type=Path, help="run folder")
    parser.add_argument("-o", "--output", metavar="FOLDER", type=Path, help="folder of the new run")
    parser.add_argument("--anyway", action="store_true", help="train even if the data have changed")
    add_allow(parser)


def run(options: argparse.Namespace) -> int:
    """Train again and print the differences."""
    from seqlab.training.reproduce import Original

    original = Original(options.folder)
    changed = original.changed_data()
    for line in changed:
        print(f"data: {line}", file=sys.stderr)
    if changed and not options.anyway:
        print(f"{options.folder}: the data have changed since the run; add --anyway to train nevertheless", file=sys.stderr)
        return EXIT_STOPPED
    for one in original.changed_settings():
        print(f"{one.name}: {one.there} then, {one.here} now", file=sys.stderr)
    # `seqlab train` logs by Hydra's configuration, which does not apply here.
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    folder = options.folder.absolute()
    again = folder.with_name(f"{folder.name}_again_{datetime.now():%Y-%m-%d_%H-%M-%S}")
    found = original.reproduce(options.output or again, allow=options.allow)
    _print(found, first=options.folder)
    return 0 if found.is_identical else EXIT_DIFFERENT


def _print(found: "Reproduction", *, first: Path) -> None:
    from seqlab.cli.tables import print_rows

    if found.is_identical:
        print("\nreproduced: metrics and weights are bit-identical")
    elif not found.metrics:
        print("\nmetrics are bit-identical, but weights differ")
    else:
        print(f"\nnot reproduced: {len(found.metrics)} metrics differ")
        print_rows(("metric", "then", "now", "difference"), map(_cells, found.metrics[:MAX_ROWS]), texts=("metric",))
        if len(found.metrics) > MAX_ROWS:
            print(f"… and {len(found.metrics) - MAX_ROWS} more")
    reasons = [f"data: {line}" for line in found.sources]
    reasons += [f"{one.name}: {one.there} then, {one.here} now" for one in found.settings]
    if reasons:
        print("differences in data and environment:", *reasons, sep="\n  ")
    elif not found.is_identical:
        print("data, versions, threads and machine are the same; the cause may be a GPU or uncommitted code changes")
    print(f"\nfirst run   {shlex.quote(str(first))}\nsecond run  {shlex.quote(str(found.folder))}")


def _cells(one: "Difference") -> list[str]:
    are_numbers = isinstance(one.there, int | float) and isinstance(one.here, int | float)
    return [one.name, _shown(one.there), _shown(one.here), f"{one.here - one.there:+.6g}" if are_numbers else ""]


def _shown(value: Any) -> str:
    return "absent" if value is None else f"{value:.6f}" if isinstance(value, float) else str(value)
