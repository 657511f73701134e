"""What a repeated run ends with: mean, spread and interval of every metric."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from seqlab.cli.results import shortest
from seqlab.errors import SeqlabError

if TYPE_CHECKING:
    from seqlab.training import Run


def print_repeats(result: "Run") -> None:
    """Print the table, where everything lies, and the next commands.

    Raises: SeqlabError naming the repetitions that failed.
    """
    assert result.repeats is not None
    console, repeats = Console(), result.repeats
    if not console.is_terminal:
        console.width = 120  # what is written to a file is cut by no terminal
    n_ended = sum(one["status"] == "finished" for one in repeats["repetitions"])
    console.print(
        f"\n{n_ended} of {len(repeats['repetitions'])} runs, mean ± standard deviation", style="bold", highlight=False
    )
    console.print(_table(repeats, console=console))
    console.print(_meaning(repeats, n_ended), highlight=False, markup=False, soft_wrap=True)
    folder = shlex.quote(shortest(result.folder))
    allow = "".join(f" --allow {name}" for name in result.allow)
    last = [
        f"\nrun folder  {folder}",
        f"best run    {folder}/{repeats['best']} (by {repeats['monitor']}; its model stands for all of them)",
        f"label text  seqlab predict {folder} FILE{allow}",
    ]
    last += [f"answers     {folder}/{name}" for files in repeats["out_of_fold"].values() for name in files]
    console.print("\n".join(last), soft_wrap=True, highlight=False, markup=False, emoji=False)
    _tell_failures(repeats, folder=result.folder)


def _table(repeats: Mapping[str, Any], *, console: Console) -> Table:
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False)
    table.add_column("metric", no_wrap=True)
    for column in ("mean", "± sd", "95 % interval"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, found in repeats["metrics"].items():
        sd = "" if found["sd"] is None else f"± {100 * found['sd']:.2f}"
        interval = (
            "undefined" if found["interval"] is None else "[{:.2f}, {:.2f}]".format(*(100 * x for x in found["interval"]))
        )
        table.add_row(escape(name), f"{100 * found['mean']:.2f}", sd, interval)
    return table


def _meaning(repeats: Mapping[str, Any], n_ended: int) -> str:
    if n_ended < 2:
        return "all in per cent; one run says nothing of the spread, so its standard deviation and interval are undefined"
    if repeats["folds"] is None:
        return f"all in per cent; 95 % interval of the mean over seeds, by Student's t with {n_ended - 1} degrees of freedom"
    return (
        "all in per cent; 95 % interval of the mean over folds, by Student's t, widened because their training records overlap "
        "(Nadeau and Bengio 2003)"
    )


def _tell_failures(repeats: Mapping[str, Any], *, folder: Path) -> None:
    failed = {one["name"]: one["error"] for one in repeats["repetitions"] if one["status"] == "failed"}
    if failed:
        told = "; ".join(f"{name}: {error}" for name, error in failed.items())
        again = f"hydra.run.dir={shlex.quote(shortest(folder))}"
        raise SeqlabError(
            f"{len(failed)} of {len(repeats['repetitions'])} repetitions failed: {told}; to try them again, add {again}"
        )
