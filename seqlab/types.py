"""Values that cross rooms: spans over steps, and what a head says about one record."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Span(NamedTuple):
    """Steps `start` to `end` (exclusive, counted from 0) carry `label`."""

    start: int
    end: int
    label: str


class Alternative(NamedTuple):
    """One of the answers that a head may give, and how probable it is."""

    labels: list[str]
    probability: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """Labels of one record by one head: one a step, one a segment (given or found), or one (or several)
    for the whole record.

    `confidences` are probabilities in [0, 1], aligned with `labels`; empty where none were asked for.
    """

    labels: list[str]
    confidences: list[float]
    bounds: list[tuple[int, int]] | None = None
    """First step of each label and the one after its last, where labels belong to stretches of steps; None elsewhere."""
    span_confidences: list[float] | None = None
    """Probability of each span that tags spell, in order; None where the head does not know it."""
    alternatives: list[Alternative] | None = None
    """The likeliest answers, the best first; None where none were asked for, or the head ranks none."""
    entropy: float | None = None
    """That of the head's distribution over all answers, in nats: 0 for a sure one; None where it was not asked for, or the head
    does not know it. It is of the distribution before any rule of decoding (constraints of softmax, a wanted precision)."""

    value: float | None = None
    """The number that a head which scores records expects; None elsewhere."""

    def sureness(self, spans: Sequence[Span]) -> list[float]:
        """Return the confidence of each of the `spans` that the tags spell: its own, else that of its least certain tag."""
        return self.span_confidences or [min(self.confidences[span.start : span.end]) for span in spans]
