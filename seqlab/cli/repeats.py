"""Print the summary of a repeated run: mean, spread and interval of each metric."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqlab.cli.results import allow_flags, scored_split, shortest
from seqlab.cli.score_tables import by_head, print_title, shown
from seqlab.cli.tables import print_rows, table_console
from seqlab.errors import SeqlabError
from seqlab.metrics.flat_scores import flat_scores
from seqlab.model.bundle import head_names
from seqlab.runs.repeated_run import REPEATS
from seqlab.training.repeats import MONITORED
from seqlab.training.train import Run

_OTHER_MODE = re.compile(r"/(span_f1|precision|recall)/(?!strict$)\w+$")


def print_repeats(result: Run) -> None:
    """Print the table, the paths, and the next commands.

    Raises: SeqlabError naming the repetitions that failed.
    """
    assert result.repeats is not None
    repeats, n_runs = result.repeats, len(result.repeats["repetitions"])
    n_ended = sum(one["status"] == "finished" for one in repeats["repetitions"])
    print_title(f"{n_ended} of {n_runs} runs, mean ± standard deviation", console=table_console())
    rows = [_cells(name, repeats) for name in _rows(result)]
    print_rows(("metric", "mean", "± sd", "95 % interval"), rows, texts=("metric",))
    folder = shlex.quote(shortest(result.folder))
    print(_meaning(repeats, n_ended))
    print(f"all {len(repeats['metrics'])} metrics are in {folder}/{REPEATS}")
    print(f"\nrun folder  {folder}")
    print(f"best run    {folder}/{repeats['best']} (by {repeats['monitor']}; its model is the one that commands use)")
    print(f"label text  seqlab predict {folder} FILE{allow_flags(result)}")
    for name in (name for files in repeats["out_of_fold"].values() for name in files):
        print(f"answers     {folder}/{name}")
    _raise_failures(repeats, folder=result.folder)


def _rows(result: Run) -> list[str]:
    """Return the metrics to show: the main score of each head first, then its others, then the monitored one.

    They are scores on test data if there are any, otherwise on validation data. Of the ways to match spans, only strict is
    shown.
    """
    assert result.repeats is not None
    split = scored_split(result)
    scores = by_head(result.metrics[split], head_names(result.model)) if split else {}
    of_heads = [
        ["/".join(part for part in (split, head, name) if part) for name in flat_scores(found)]
        for head, found in scores.items()
    ]
    main = [names[0] for names in of_heads if names]  # heads name their main score first
    others = [name for names in of_heads for name in names[1:] if not _OTHER_MODE.search(name)]
    return [*main, *others, *([MONITORED] if MONITORED in result.repeats["metrics"] else [])]


def _cells(name: str, repeats: Mapping[str, Any]) -> list[str]:
    found, score = repeats["metrics"][name], name if "/" in name else repeats["monitor"]
    sd = "" if found["sd"] is None else f"± {shown(score, found['sd'])}"
    low_high = ", ".join(shown(score, end) for end in found["interval"] or ())
    return [name, shown(score, found["mean"]), sd, f"[{low_high}]" if low_high else "undefined"]


def _meaning(repeats: Mapping[str, Any], n_ended: int) -> str:
    if n_ended < 2:
        return "one run has no spread, so the standard deviation and interval are undefined"
    if repeats["folds"] is None:
        return f"95 % interval of the mean over seeds, by Student's t with {n_ended - 1} degrees of freedom"
    overlap = "widened because the training folds overlap (Nadeau and Bengio 2003)"
    return f"95 % interval of the mean over folds, by Student's t, {overlap}"


def _raise_failures(repeats: Mapping[str, Any], *, folder: Path) -> None:
    failed = [f"{one['name']}: {one['error']}" for one in repeats["repetitions"] if one["status"] == "failed"]
    if failed:
        counts = f"{len(failed)} of {len(repeats['repetitions'])} repetitions failed"
        again = f"hydra.run.dir={shlex.quote(shortest(folder))}"
        raise SeqlabError(f"{counts}: {'; '.join(failed)}; to retry them, add {again}")
