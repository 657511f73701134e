"""The answers of a cross-validation: every training record as the model says that was not trained on it."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from seqlab.data.folds import Fold
from seqlab.finished_run import FinishedRun
from seqlab.repeating.plan import Repetition

SPLIT = "out_of_fold_seed_{}"
"""Name of the answers of the cross-validation with a seed, among those of splits."""


def join_answers(folder: Path, repetitions: Sequence[Repetition], *, n_folds: int) -> dict[str, list[str]]:
    """Write the answers of each seed whose folds are all there, in the order of the data, and return their files by seed."""
    written: dict[str, list[str]] = {}
    for seed in dict.fromkeys(one.seed for one in repetitions):
        folds = [folder / one.name for one in repetitions if one.seed == seed]
        if all((fold / "metrics.json").is_file() for fold in folds):
            data_sets = FinishedRun(folds[0]).data_sets("test")
            written[str(seed)] = [_joined(folder, folds, seed=seed, n_folds=n_folds, data_set=name) for name in data_sets]
    return written


def _joined(folder: Path, folds: Sequence[Path], *, seed: int, n_folds: int, data_set: str) -> str:
    lines = [(fold / "predictions" / data_set / "test.jsonl").read_text(encoding="utf-8").splitlines() for fold in folds]
    n_records = sum(map(len, lines))
    rows = [Fold(index, n_folds).rows(n_records, seed=seed).tolist() for index in range(1, n_folds + 1)]
    in_order = sorted(zip(chain.from_iterable(rows), chain.from_iterable(lines), strict=True))
    path = Path("predictions", data_set, f"{SPLIT.format(seed)}.jsonl")
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text("".join(f"{line}\n" for _, line in in_order), encoding="utf-8")
    return path.as_posix()
