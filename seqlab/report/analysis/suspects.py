"""Gold labels that may be wrong: the model is at least as confident of another label as it usually is when right.

Confident learning (Northcutt, Jiang and Chuang 2021, Confident Learning: Estimating Uncertainty in Dataset Labels, section
3.1) compares the probability of label j with t_j, its mean over all items with gold label j. Runs keep only the probability
of the predicted label, so t_j here is the mean over items where gold and prediction are both j. That threshold is higher, so
it finds fewer suspects.
"""

from collections import defaultdict
from collections.abc import Sequence
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


def suspects(judgements: Sequence[Judgement]) -> list[tuple[Judgement, float]]:
    """Return the disagreements at least as confident as the average agreement, with that threshold, most confident first.

    A label that never agrees with gold has no threshold and yields no suspects.
    """
    agreed = defaultdict[str | None, list[float]](list)
    for each in judgements:
        if each.gold == each.predicted:
            agreed[each.predicted].append(each.confidence)
    limits = {label: sum(confidences) / len(confidences) for label, confidences in agreed.items()}
    wrong = [each for each in judgements if each.gold != each.predicted and each.predicted in limits]
    found = sorted(wrong, key=lambda each: (-each.confidence, each.record, each.start))
    return [(each, limits[each.predicted]) for each in found if each.confidence >= limits[each.predicted]]
