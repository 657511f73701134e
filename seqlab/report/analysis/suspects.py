"""Gold labels that may be wrong: where the model is as sure of another label as it is of that label where gold agrees.

Confident learning (Northcutt, Jiang and Chuang 2021, Confident Learning: Estimating Uncertainty in Dataset Labels, section
3.1) compares the probability of a label j with t_j, its mean over what is labelled j. Runs keep the probability of the label
that was said, not that of every label, so t_j is the mean over what is labelled j and said to be j: a higher threshold, hence
fewer suspects than theirs.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Judgement(NamedTuple):
    """A label that was said, how surely, and the gold label; None for `gold` or `said`: there is none."""

    record: int
    """Position of the record."""
    gold: str | None
    said: str | None
    sure: float
    start: int
    end: int


class Suspect(NamedTuple):
    """A judgement that is at least as sure as its label's threshold."""

    judgement: Judgement
    threshold: float


def thresholds(judgements: Iterable[Judgement]) -> dict[str | None, float]:
    """Return the mean confidence of each label over what is labelled so and said to be so."""
    sure = defaultdict[str | None, list[float]](list)
    for judgement in judgements:
        if judgement.gold == judgement.said:
            sure[judgement.said].append(judgement.sure)
    return {label: sum(values) / len(values) for label, values in sure.items()}


def suspects(judgements: Sequence[Judgement]) -> list[Suspect]:
    """Return the disagreements that are as sure as agreements are on average, the surest first.

    A label that gold never agrees with has no threshold, and gives no suspect.
    """
    limits = thresholds(judgements)
    found = [
        Suspect(judgement, limits[judgement.said])
        for judgement in judgements
        if judgement.gold != judgement.said and judgement.said in limits and judgement.sure >= limits[judgement.said]
    ]
    return sorted(found, key=lambda suspect: (-suspect.judgement.sure, suspect.judgement.record, suspect.judgement.start))
