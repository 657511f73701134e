"""Test the first run against each of the others: over records, over decisions, and over seeds if there are several.

Paired bootstrap and approximate randomisation ask whether the difference would hold on other records like these; repeated runs
enter with their mean counts for each record. Whether it would hold with other seeds is tested on the scores of the seeds
(Welch), or of the folds that both share (Nadeau and Bengio). A difference counts as more than chance only if both tests say so
(Yeh 2000, Koehn 2004, Søgaard et al. 2014, Dror et al. 2018).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, final

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
from seqlab.runs.comparison.candidates import System, counts_of, data_sets_of
from seqlab.runs.comparison.record_counts import RecordCounts

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
        counts = counts_of(systems, data_set=data_set)
        for head in _common_heads(counts, systems):
            scores = counts[0][0][head]
            if not scores:
                left_out.append(head)
            for score in scores:
                sides = [_Side.of(*pair, head=head, score=score) for pair in zip(systems, counts, strict=True)]
                found = [
                    _finding(sides[0], other, score, data_set=data_set, head=head, n_resamples=n_resamples, seed=seed)
                    for other in sides[1:]
                ]
                adjusted = holm([finding.p_adjusted for finding in found])
                findings += [replace(finding, p_adjusted=p) for finding, p in zip(found, adjusted, strict=True)]
    return Comparison(findings, left_out, n_resamples, seed)


def _common_heads(counts: Sequence[Sequence[Mapping[str, RecordCounts]]], systems: Sequence[System]) -> list[str]:
    # All seeds of a run have the same heads, unless a run was changed by hand.
    common = set.intersection(*(set(one) for several in counts for one in several))
    if not common:
        heads = [(system.name, ", ".join(sorted(of[0]))) for system, of in zip(systems, counts, strict=True)]
        names = "; ".join(f"{name} has {own}" for name, own in heads)
        raise DataError(f"the runs have no head in common: {names}; give the heads to compare the same name")
    return [head for head in counts[0][0] if head in common]


class _Side(NamedTuple):
    """A system with the counts of one score, for each of its seeds."""

    system: System
    counts: Sequence[Float[np.ndarray, "record count"]]

    @classmethod
    def of(cls, system: System, counts: Sequence[Mapping[str, RecordCounts]], *, head: str, score: Score) -> "_Side":
        if any(score not in one[head] for one in counts):
            raise DataError(f"{system.name}: head {head} is of a different kind, without {score.name}")
        return cls(system, [one[head][score] for one in counts])

    def of_folds(self, score: Score, *, n_folds: int) -> list[float]:
        """Return the score of each fold of each seed."""
        return [
            score.of(counts[Fold(fold, n_folds).rows(len(counts), seed=seed)])
            for seed, counts in zip(self.system.seeds, self.counts, strict=True)
            for fold in range(1, n_folds + 1)
        ]


def _finding(a: _Side, b: _Side, score: Score, *, data_set: str, head: str, n_resamples: int, seed: int) -> Finding:
    """Return the test results without correction of the p-values."""
    # Averaging over seeds leaves one row per record, so that records stay the unit of the test.
    pooled = [np.mean(side.counts, axis=0) for side in (a, b)]
    test = paired_test(*pooled, score=score, n_resamples=n_resamples, seed=seed)
    # Scores that are better when low are error rates themselves.
    errors = [1 - value if score.is_better_high else value for value in (test.value_a, test.value_b)]
    repetitions, by = _over_repetitions(a, b, score)
    return Finding(
        a=a.system.name,
        b=b.system.name,
        data_set=data_set,
        head=head,
        score=score.name,
        is_better_high=score.is_better_high,
        records=test,
        relative_error_reduction=(errors[1] - errors[0]) / errors[1] if errors[1] else None,
        decisions=_decisions(a.counts[0], b.counts[0]) if score == ACCURACY and len(a.counts) == len(b.counts) == 1 else None,
        repetitions=repetitions,
        repetitions_by=by,
        n_repetitions=(len(a.counts), len(b.counts)),
        p_adjusted=test.p_value,
    )


def _decisions(a: Float[np.ndarray, "record 2"], b: Float[np.ndarray, "record 2"]) -> McNemar:
    return mcnemar(a[:, 0] == a[:, 1], b[:, 0] == b[:, 1])


def _over_repetitions(a: _Side, b: _Side, score: Score) -> tuple[MeanTest | None, str | None]:
    n_folds = a.system.n_folds
    if n_folds is not None and n_folds == b.system.n_folds and a.system.seeds == b.system.seeds:
        values = [side.of_folds(score, n_folds=n_folds) for side in (a, b)]
        return corrected_paired_test(*values, n_folds=n_folds), "the corrected paired t-test over folds"
    # Scores of folds are not independent, so Welch's test is only for seeds.
    if n_folds or b.system.n_folds or min(len(a.counts), len(b.counts)) < 2:
        return None, None
    values = [[score.of(counts) for counts in side.counts] for side in (a, b)]
    return welch_test(*values), "Welch's t-test over seeds"
