"""The systems to compare: single runs or repeated ones, with their answers to the same records."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seqlab.data.multitask.data_sets import set_configs
from seqlab.errors import DataError
from seqlab.runs.comparison.record_counts import RecordCounts, counted_of, record_counts
from seqlab.runs.repeated_run import OUT_OF_FOLD, FinishedRepeat
from seqlab.runs.run import AnsweredRecord, FinishedRun

SPLIT = "test"
"""The split whose predictions runs keep."""
_SAME = "runs can only be compared on the same records: evaluate both on the same data"


class Answers(NamedTuple):
    """Predictions on all records, from one run or from all folds of a cross-validation."""

    name: str
    run: FinishedRun
    """The folder with the predictions."""
    split: str
    example: FinishedRun
    """A run whose scores show the kind of each head."""

    def records(self, data_set: str) -> list[AnsweredRecord]:
        """Return the records of a data set with their predictions."""
        return list(self.run.answers(self.split, data_set=data_set))

    def data(self, data_set: str) -> str:
        """Return a description of the records: the data set, the split, and its file or the name of the data."""
        of_set = f" of {data_set}" if data_set else ""
        config = set_configs(self.example.config.get("data", {})).get(data_set, {})
        splits = config.get("splits") or {}
        split = SPLIT if self.split == SPLIT else "train"  # out-of-fold predictions are on the training records
        named = splits.get(split)
        reader = str((config.get("reader") or {}).get("_target_", "")).rsplit(".", 1)[-1]
        folder = config.get("dir") or config.get("name") or reader  # generated records have no folder
        place = "/".join(str(part) for part in (folder, named) if part)
        return f"the {split} split{of_set}{f' ({place})' if place else ''}"

    def counts(self, data_set: str, *, reference: Sequence[AnsweredRecord], first: "Answers") -> dict[str, RecordCounts]:
        """Return the counts of each head's scores, after checking that the records are `reference`, those of `first`."""
        records = self.records(data_set)
        if (difference := _difference(reference, records)) is not None:
            raise DataError(_other_data(first, self, data_set=data_set, difference=difference))
        # All records of a file have the same heads, so the first speaks for all.
        heads = [head for head in records[0].predictions if head in records[0].gold]
        scores = _scores(self.example.metrics.get(SPLIT, {}), heads=heads, data_set=data_set)
        counted = {head: counted_of(self.example, head, scores=scores[head]) for head in heads}
        return {head: record_counts(records, head=head, counted=counted[head]) for head in heads}


class System(NamedTuple):
    """A run folder, with one item in `answers` for each seed."""

    name: str
    answers: Sequence[Answers]
    n_folds: int | None = None
    """Folds of a cross-validation."""
    seeds: Sequence[int] = ()
    """The seeds with all their folds; empty without folds."""

    @classmethod
    def read(cls, path: Path) -> "System":
        """Read the folder of a single or repeated run.

        Raises: DataError if no run has finished there.
        """
        if not FinishedRepeat.is_at(path):
            run = FinishedRun(path)
            return cls(str(path), [Answers(str(path), run, SPLIT, run)])
        repeat = FinishedRepeat(path)
        runs = repeat.runs
        if not runs:
            raise DataError(f"{path}: none of its repetitions has finished; run it again in the same folder")
        if repeat.n_folds is None:
            return cls(str(path), [Answers(f"{path}/{name}", run, SPLIT, run) for name, run in runs.items()])
        # Answers on all folds together are beside the repetitions, but metrics only within them.
        whole, example = FinishedRun(path), next(iter(runs.values()))
        seeds = list(repeat.content["out_of_fold"])
        if not seeds:
            raise DataError(f"{path}: no seed has all its folds; run it again in the same folder")
        answers = [Answers(f"{path}, seed {seed}", whole, OUT_OF_FOLD.format(seed), example) for seed in seeds]
        return cls(str(path), answers, repeat.n_folds, list(map(int, seeds)))


def data_sets_of(system: System) -> list[str]:
    """Return the data sets with predictions of a system.

    Raises: DataError if there are none.
    """
    first = system.answers[0]
    found = first.run.data_sets(first.split)
    if not found:
        missing = f"expected predictions/{first.split}.jsonl, as a run with test=true writes"
        raise DataError(f"{first.name}: no answers to compare; {missing}")
    return found


def counts_of(systems: Sequence[System], *, data_set: str) -> list[list[dict[str, RecordCounts]]]:
    """Return the counts of each head's scores in each system, for each of its seeds.

    Raises: DataError if there are no records, or the systems have different ones.
    """
    first = systems[0].answers[0]
    reference = first.records(data_set)
    if not reference:
        raise DataError(f"{systems[0].name}: no records to compare")
    return [[answers.counts(data_set, reference=reference, first=first) for answers in system.answers] for system in systems]


def _difference(reference: Sequence[AnsweredRecord], records: Sequence[AnsweredRecord]) -> str | None:
    """Return the first difference between the records of two runs; None if they are the same."""
    # Records come first, so that a missing record is reported at its place rather than as a count.
    for number, (expected, found) in enumerate(zip(reference, records, strict=False), start=1):
        for what, one, other in _aspects(expected, found):
            if one != other:
                return f"record {number} (id {expected.id!r}) has {_short(other)} as {what}, but {_short(one)} in the first run"
    if len(reference) != len(records):
        return f"it has {len(records):,} records, but the first run {len(reference):,}"
    return None


def _other_data(first: Answers, other: Answers, *, data_set: str, difference: str) -> str:
    """Return the message on runs with different records: which data they were scored on, and the first difference."""
    read, expected = other.data(data_set), first.data(data_set)
    if read == expected:
        where = f"both read {read}, which has changed since, or was read with other settings"
    else:
        where = f"{other.name} read {read}, {first.name} {expected}"
    return f"{other.name} and {first.name} were scored on different data: {where}; {difference}; {_SAME}"


def _aspects(expected: AnsweredRecord, found: AnsweredRecord) -> Iterator[tuple[str, Any, Any]]:
    yield "id", expected.id, found.id
    yield "tokens", expected.tokens, found.tokens
    for head in expected.gold.keys() & found.gold.keys():
        yield f"gold of {head}", expected.gold[head], found.gold[head]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _scores(scores: Mapping[str, Any], *, heads: Sequence[str], data_set: str) -> dict[str, Mapping[str, Any]]:
    """Return the scores of each head; those of a single head are not nested under its name."""
    named = {head: scores.get(head) or scores.get(f"{head}@{data_set}") for head in heads}
    return {head: found if isinstance(found, Mapping) else scores for head, found in named.items()}
