"""`seqlab describe`: count a model's parameters, layer by layer."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqlab.cli.inputs import add_allow, add_command

if TYPE_CHECKING:
    from torch import nn

DESCRIPTION = """Count the parameters of a model, layer by layer.

  seqlab describe runs/X                           a trained model
  seqlab describe experiment=demo encoder=gru      the model that `seqlab train` would build from these overrides
"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    summary = "count a model's parameters, layer by layer"
    parser = add_command(commands, "describe", summary=summary, description=DESCRIPTION)
    parser.add_argument("what", metavar="MODEL | OVERRIDE", nargs="+", help="run or model folder, or overrides of a config")
    add_allow(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    from rich import box
    from rich.table import Table

    from seqlab.cli.score_tables import table_console
    from seqlab.report import parameter_rows

    console = table_console()
    rows = parameter_rows(_model(options.what, allow=options.allow))
    parts = ("input", "recurrent", "other", "total", "frozen")
    lines = [[row.name, row.kind, *(_count(getattr(row, f"n_{part}")) for part in parts)] for row in rows]
    lines.append(["all", "", *(_count(sum(getattr(row, f"n_{part}") for row in rows)) for part in parts)])
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False)
    table.add_column("layer", overflow="fold")
    for i, heading in enumerate(("kind", *parts), start=1):
        # On a narrow terminal, layer names fold and numbers stay whole.
        width = max(len(heading), *(len(line[i]) for line in lines))
        table.add_column(heading, justify="left" if i == 1 else "right", min_width=width, no_wrap=True)
    for line in lines:
        table.add_row(*line, end_section=line is lines[-2])
    console.print(table)
    return 0


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _model(words: list[str], *, allow: list[str]) -> "nn.Module":
    from seqlab.model.bundle import load_bundle
    from seqlab.runs.find_model import find_bundle
    from seqlab.training.train import untrained

    # An override has a =; a path may have one as well.
    is_model = len(words) == 1 and ("=" not in words[0] or Path(words[0]).exists())
    return load_bundle(find_bundle(Path(words[0])), allow=allow).labeler if is_model else untrained(words)
