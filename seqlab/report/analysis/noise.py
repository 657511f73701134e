"""Differences between settings compared with the spread over seeds."""

from collections.abc import Sequence
from typing import NamedTuple

from seqlab.metrics.significance import Summary, holm, summarise, welch_test
from seqlab.report.analysis.trials import Objective, Trial

LEVEL = 0.05
BEST, WITHIN, WORSE, UNKNOWN = "best", "within noise of the best", "worse than the best", "unknown: one run"


class Standing(NamedTuple):
    """Trials that differ only in their seed, compared with the best such group."""

    trials: Sequence[Trial]
    summary: Summary
    mark: str
    """`BEST`, `WITHIN`, `WORSE` or `UNKNOWN`."""
    p_value: float | None
    """From Welch's test against the best group, with Holm's correction; None if either has a single trial."""


def standings(groups: Sequence[Sequence[Trial]], objective: Objective) -> list[Standing]:
    """Rank groups of scored trials by mean, best first, and test each against the best."""
    scores = [[trial.values[objective.name] for trial in group] for group in groups]
    order = sorted(range(len(groups)), key=lambda i: sum(scores[i]) / len(scores[i]), reverse=objective.is_high)
    first, tests = order[0], dict[int, float]()
    for i in order[1:]:
        # A single trial has no variance to test with.
        p_value = welch_test(scores[first], scores[i]).p_value if min(len(scores[first]), len(scores[i])) > 1 else None
        if p_value is not None:
            tests[i] = p_value
    # Holm's correction covers all comparisons with the best, because the best was chosen by its score.
    corrected = dict(zip(tests, holm(list(tests.values())), strict=True)) if tests else {}
    return [Standing(groups[i], summarise(scores[i]), _mark(i, first, corrected), corrected.get(i)) for i in order]


def _mark(group: int, first: int, p_values: dict[int, float]) -> str:
    if group == first:
        return BEST
    if group not in p_values:
        return UNKNOWN
    return WORSE if p_values[group] < LEVEL else WITHIN
