"""Values that all packages share: spans of steps, and predictions for one record."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Span(NamedTuple):
    """A labelled span of the steps `start` to `end` (exclusive, from 0)."""

    start: int
    end: int
    label: str


class Alternative(NamedTuple):
    """A labeling with its probability."""

    labels: list[str]
    probability: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """Labels of one record from one head: one per step, one per segment (given or predicted), or any number for the record.

    `confidences` are probabilities aligned with `labels`; empty if they were not requested.
    """

    labels: list[str]
    confidences: list[float]
    bounds: list[tuple[int, int]] | None = None
    """(start, end) in steps of each label of a segment or span, end exclusive; None for other labels."""
    span_confidences: list[float] | None = None
    """Probability of each span that the tags encode, in order; None if the head does not compute it."""
    alternatives: list[Alternative] | None = None
    """The most probable labelings, best first; None if they were not requested, or the head does not rank labelings."""
    entropy: float | None = None
    """Entropy of the head's distribution in nats, before decoding rules (constraints of softmax, a required precision); None if
    it was not requested, or the head does not compute it."""

    value: float | None = None
    """The predicted number of a head that scores records; None for other heads."""

    def confidences_of(self, spans: Sequence[Span]) -> list[float]:
        """Return the confidence of each of the `spans` of the tags: its own, else that of its least confident tag."""
        return self.span_confidences or [min(self.confidences[span.start : span.end]) for span in spans]
