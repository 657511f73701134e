"""Out-of-fold predictions of a cross-validation: each training record, labelled by the model that did not train on it."""

import logging
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from seqlab.data.folds import Fold
from seqlab.runs.repeated_run import OUT_OF_FOLD
from seqlab.runs.run import FinishedRun
from seqlab.training.repeats.plan import Repetition
from seqlab.training.repeats.summary import has_ended

log = logging.getLogger(__name__)


def join_answers(folder: Path, repetitions: Sequence[Repetition], *, n_folds: int) -> dict[str, list[str]]:
    """Write the predictions of each complete seed in data order, and return their files by seed.

    A seed with folds that did not predict all their held-out records is skipped with a warning.
    """
    written: dict[str, list[str]] = {}
    for seed in dict.fromkeys(one.seed for one in repetitions):
        folds = [one.folder for one in repetitions if one.seed == seed]
        if all(map(has_ended, folds)):
            data_sets = FinishedRun(folds[0]).data_sets("test")
            files = (_joined(folder, folds, seed=seed, n_folds=n_folds, data_set=name) for name in data_sets)
            written[str(seed)] = [file for file in files if file is not None]
    return written


def _joined(folder: Path, folds: Sequence[Path], *, seed: int, n_folds: int, data_set: str) -> str | None:
    texts = [(fold / "predictions" / data_set / "test.jsonl").read_text(encoding="utf-8") for fold in folds]
    lines = [text.split("\n")[:-1] for text in texts]  # not splitlines(), since JSON may contain U+2028 and others
    n_records = sum(map(len, lines))
    rows = [Fold(index, n_folds).rows(n_records, seed=seed).tolist() for index in range(1, n_folds + 1)]
    path = Path("predictions", data_set, f"{OUT_OF_FOLD.format(seed)}.jsonl")
    answered, held_out = ([len(of_fold) for of_fold in parts] for parts in (lines, rows))
    if answered != held_out:
        log.warning(
            "%s is not written: the folds have %s answers, but folds of %d records have %s; let each fold answer all its"
            " records (trainer.limit_test_batches)", folder / path, answered, n_records, held_out,
        )  # fmt: skip
        return None
    # Every fold is in the order of its rows, so rows and lines pair up; sorting by row restores the data's order.
    in_order = sorted(zip(chain.from_iterable(rows), chain.from_iterable(lines), strict=True))
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text("".join(f"{line}\n" for _, line in in_order), encoding="utf-8")
    return path.as_posix()
