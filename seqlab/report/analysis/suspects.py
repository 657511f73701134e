"""Gold labels that may be wrong: the model is at least as confident of another label as it usually is when right.

Confident learning (Northcutt, Jiang and Chuang 2021, Confident Learning: Estimating Uncertainty in Dataset Labels, section
3.1) compares the probability of label j with t_j, its mean over all items with gold label j. Runs keep only the probability
of the predicted label, so t_j here is the mean over items where gold and prediction are both j. That threshold is higher, so
it finds fewer suspects.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Judgement(NamedTuple):
    """A predicted label, its confidence and the gold label; `gold` or `predicted` is None where there is none."""

    record: int
    """Index of the record."""
    gold: str | None
    predicted: str | None
    confidence: float
    start: int
    end: int


class Suspect(NamedTuple):
    """A judgement whose confidence reaches the threshold of its label."""

    judgement: Judgement
    threshold: float


def thresholds(judgements: Iterable[Judgement]) -> dict[str | None, float]:
    """Return the mean confidence of each label where gold agrees with it."""
    confidences = defaultdict[str | None, list[float]](list)
    for judgement in judgements:
        if judgement.gold == judgement.predicted:
            confidences[judgement.predicted].append(judgement.confidence)
    return {label: sum(values) / len(values) for label, values in confidences.items()}


def suspects(judgements: Sequence[Judgement]) -> list[Suspect]:
    """Return the disagreements at least as confident as the average agreement, most confident first.

    A label that never agrees with gold has no threshold and yields no suspects.
    """
    limits = thresholds(judgements)
    found = [
        Suspect(judgement, limits[judgement.predicted])
        for judgement in judgements
        if judgement.gold != judgement.predicted
        and judgement.predicted in limits
        and judgement.confidence >= limits[judgement.predicted]
    ]
    return sorted(found, key=lambda suspect: (-suspect.judgement.confidence, suspect.judgement.record, suspect.judgement.start))
