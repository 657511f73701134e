"""Test the first run against each of the others: over records, over decisions, and over seeds if there are several.

Paired bootstrap and approximate randomisation ask whether the difference would hold on other records like these; repeated runs
enter with their mean counts for each record. Whether it would hold with other seeds is tested on the scores of the seeds
(Welch), or of the folds that both share (Nadeau and Bengio). A difference counts as more than chance only if both tests say so
(Yeh 2000, Koehn 2004, Søgaard et al. 2014, Dror et al. 2018).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float

from seqlab.data.folds import Fold
from seqlab.errors import ConfigError, DataError
from seqlab.heads.parts.counts import ACCURACY
from seqlab.metrics.significance import (
    McNemar,
    MeanTest,
    PairedTest,
    Score,
    corrected_paired_test,
    holm,
    mcnemar,
    paired_test,
    welch_test,
)
from seqlab.runs.comparison.candidates import Counted, System, counts_of, data_sets_of

LEVEL = 0.05
"""Significance level of the p-values."""


@final
@dataclass(frozen=True)
class Finding:
    """Test results for two systems, A and B, in one score of one head; differences are A - B."""

    a: str
    b: str
    data_set: str
    head: str
    score: str
    is_better_high: bool
    records: PairedTest
    relative_error_reduction: float | None
    """Share of B's errors (1 - score) that A avoids; negative if A makes more; None if B makes none."""
    decisions: McNemar | None
    """For accuracy, over records, because decisions within a record are not independent."""
    repetitions: MeanTest | None
    """Over the scores of repeated runs; None unless both sides have several."""
    repetitions_by: str | None
    n_repetitions: tuple[int, int]
    p_adjusted: float
    """The p-value over records, with Holm's correction for the number of systems compared with A."""

    @property
    def is_beyond_chance(self) -> bool:
        """Whether the difference is significant over records, and over seeds if there are several."""
        of_seeds = self.repetitions.p_value if self.repetitions else None
        return self.p_adjusted < LEVEL and (of_seeds is None or of_seeds < LEVEL)


@final
@dataclass(frozen=True)
class Comparison:
    """All findings on the first run and each of the others, by data set, head and score."""

    findings: Sequence[Finding]
    left_out: Sequence[str]
    """Heads without comparable scores."""
    n_resamples: int
    seed: int


def compare(paths: Sequence[Path], *, n_resamples: int, seed: int) -> Comparison:
    """Compare the first run with each of the others.

    Raises: DataError if a folder has no finished run, or the runs have different records; ConfigError for fewer than two.
    """
    if len(paths) < 2:
        raise ConfigError(f"runs is {', '.join(map(str, paths)) or 'empty'}; expected two or more to compare")
    systems = [System.read(path) for path in paths]
    findings: list[Finding] = []
    left_out: list[str] = []
    for data_set in data_sets_of(systems[0]):
        counted = _counted(systems, data_set=data_set)
        for head in _common_heads(counted, systems):
            scores = [found.score for found in counted[0][0].by_head[head]]
            if not scores:
                left_out.append(head)
            for score in scores:
                group = _Group(systems, counted, head=head, data_set=data_set, score=score)
                findings += _adjusted(list(group.findings(n_resamples=n_resamples, seed=seed)))
    return Comparison(findings, left_out, n_resamples, seed)


def _counted(systems: Sequence[System], *, data_set: str) -> list[list[Counted]]:
    """Return the counts of each system, for each of its seeds."""
    reference = counts_of(systems[0].answers[0], data_set=data_set, reference=None)
    if not reference.records:
        raise DataError(f"{systems[0].name}: no records to compare")
    return [
        [
            reference if (i, j) == (0, 0) else counts_of(answers, data_set=data_set, reference=reference.records)
            for j, answers in enumerate(system.answers)
        ]
        for i, system in enumerate(systems)
    ]


def _common_heads(counted: Sequence[Sequence[Counted]], systems: Sequence[System]) -> list[str]:
    heads = [[set(one.by_head) for one in several] for several in counted]
    common = set.intersection(*(found for several in heads for found in several))
    if not common:
        names = "; ".join(f"{system.name} has {', '.join(sorted(of[0]))}" for system, of in zip(systems, heads, strict=True))
        raise DataError(f"the runs have no head in common: {names}; give the heads to compare the same name")
    return [head for head in counted[0][0].by_head if head in common]


@final
class _Group:
    """One score of one head in all systems."""

    def __init__(
        self, systems: Sequence[System], counted: Sequence[Sequence[Counted]], *, head: str, data_set: str, score: Score
    ) -> None:
        self.systems, self.head, self.data_set, self.score = systems, head, data_set, score
        self.counts = [[self._of(one, system) for one in several] for system, several in zip(systems, counted, strict=True)]

    def _of(self, counted: Counted, system: System) -> Float[np.ndarray, "record count"]:
        found = counted.find(self.head, self.score)
        if found is None:
            raise DataError(f"{system.name}: head {self.head} is of a different kind, without {self.score.name}")
        return found.counts

    def findings(self, *, n_resamples: int, seed: int) -> Iterator[Finding]:
        """Yield a finding for each other system, without correction of the p-values."""
        for other in range(1, len(self.systems)):
            # Averaging over seeds leaves one row per record, so that records stay the unit of the test.
            pooled = [np.mean(self.counts[i], axis=0) for i in (0, other)]
            test = paired_test(pooled[0], pooled[1], score=self.score, n_resamples=n_resamples, seed=seed)
            repetitions, by = self._over_repetitions(other)
            yield Finding(
                a=self.systems[0].name,
                b=self.systems[other].name,
                data_set=self.data_set,
                head=self.head,
                score=self.score.name,
                is_better_high=self.score.is_better_high,
                records=test,
                relative_error_reduction=_error_reduction(test, is_better_high=self.score.is_better_high),
                decisions=self._decisions(other),
                repetitions=repetitions,
                repetitions_by=by,
                n_repetitions=(len(self.counts[0]), len(self.counts[other])),
                p_adjusted=test.p_value,
            )

    def _decisions(self, other: int) -> McNemar | None:
        is_single = len(self.counts[0]) == len(self.counts[other]) == 1
        if self.score != ACCURACY or not is_single:
            return None
        a, b = (self.counts[i][0] for i in (0, other))
        return mcnemar(a[:, 0] == a[:, 1], b[:, 0] == b[:, 1])

    def _over_repetitions(self, other: int) -> tuple[MeanTest | None, str | None]:
        a, b = self.systems[0], self.systems[other]
        folds = [system.repeat.n_folds if system.repeat else None for system in (a, b)]
        if folds[0] is not None and folds[0] == folds[1] and _seeds(a) == _seeds(b):
            values = [self._of_folds(i, n_folds=folds[0]) for i in (0, other)]
            return corrected_paired_test(values[0], values[1], n_folds=folds[0]), "the corrected paired t-test over folds"
        # Scores of folds are not independent, so Welch's test is only for seeds.
        if folds != [None, None] or len(self.counts[0]) < 2 or len(self.counts[other]) < 2:
            return None, None
        values = [[self.score.of(counts) for counts in self.counts[i]] for i in (0, other)]
        return welch_test(values[0], values[1]), "Welch's t-test over seeds"

    def _of_folds(self, index: int, *, n_folds: int) -> list[float]:
        """Return the score of each fold of each seed."""
        return [
            self.score.of(counts[Fold(fold, n_folds).rows(len(counts), seed=seed)])
            for seed, counts in zip(_seeds(self.systems[index]), self.counts[index], strict=True)
            for fold in range(1, n_folds + 1)
        ]


def _seeds(system: System) -> list[int]:
    """Return the seeds with all their folds."""
    assert system.repeat is not None
    return list(map(int, system.repeat.content["out_of_fold"]))


def _error_reduction(test: PairedTest, *, is_better_high: bool) -> float | None:
    errors = [1 - value if is_better_high else value for value in (test.value_a, test.value_b)]
    return (errors[1] - errors[0]) / errors[1] if errors[1] else None


def _adjusted(findings: Sequence[Finding]) -> list[Finding]:
    adjusted = holm([finding.records.p_value for finding in findings])
    return [replace(finding, p_adjusted=p_value) for finding, p_value in zip(findings, adjusted, strict=True)]
