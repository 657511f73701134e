"""Count the parameters of a model, layer by layer.

  seqlab describe runs/X                           a trained model
  seqlab describe experiment=demo encoder=gru      the model that `seqlab train` would build from these overrides

`frozen` counts the parameters that training does not change.
"""

import argparse
from pathlib import Path
from typing import Any

from seqlab.cli.inputs import add_allow, add_command


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(commands, "describe", run, summary="count a model's parameters, layer by layer", description=__doc__)
    parser.add_argument("what", metavar="MODEL | OVERRIDE", nargs="+", help="run or model folder, or overrides of a config")
    add_allow(parser)


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    from seqlab.cli.tables import print_rows
    from seqlab.model.bundle import load_bundle
    from seqlab.report import parameter_rows
    from seqlab.runs.find_model import find_bundle
    from seqlab.training.train import untrained

    # An override has a =; a path may have one as well.
    words, first = options.what, Path(options.what[0])
    is_model = len(words) == 1 and ("=" not in words[0] or first.exists())
    model = load_bundle(find_bundle(first), allow=options.allow).labeler if is_model else untrained(words)
    rows = parameter_rows(model)
    parts = ("input", "recurrent", "other", "total", "frozen")
    lines = [[row.name, row.kind, *(_count(getattr(row, f"n_{part}")) for part in parts)] for row in rows]
    lines.append(["all", "", *(_count(sum(getattr(row, f"n_{part}") for row in rows)) for part in parts)])
    print_rows(("layer", "kind", *parts), lines, texts=("layer", "kind"))
    return 0


def _count(number: int) -> str:
    return f"{number:,}" if number else ""
