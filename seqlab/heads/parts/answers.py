"""Answers of heads beside gold labels, in the four shapes that reports can show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, final

from seqlab.types import Prediction, Span

Place: TypeAlias = tuple[int, int]
"""First step and the one after the last."""


class Answered(NamedTuple):
    """A record with its gold labels and what a head predicts for it."""

    id: str
    tokens: Sequence[str] | None
    """None for records without tokens, such as recordings."""
    gold: Any
    """As `Head.gold` returns it, tuples as lists."""
    prediction: Prediction

    def words(self, places: Sequence[Place]) -> Sequence[str]:
        """Return the tokens; without tokens, the numbers from 1 of the steps up to the last of `places`."""
        if self.tokens is not None:
            return self.tokens
        return [str(i + 1) for i in range(max((end for _, end in places), default=0))]


@final
@dataclass(frozen=True, slots=True)
class SpanAnswer:
    """The gold and the predicted spans of a record."""

    id: str
    tokens: Sequence[str]
    gold: Sequence[Span]
    found: Sequence[Span]
    confidences: Sequence[float]
    """Confidence of each predicted span; empty if the run kept none."""
    tag_confidences: Sequence[float] = ()
    """Confidence of the tag of each step; empty for a head without tags."""


@final
@dataclass(frozen=True, slots=True)
class LabelAnswer:
    """One label for each given place: steps, segments, nodes of a tree, or the whole record."""

    id: str
    tokens: Sequence[str]
    places: Sequence[Place]
    gold: Sequence[str | None]
    """None for a place without a gold label."""
    predicted: Sequence[str]
    confidences: Sequence[float]


def label_answer(record: Answered) -> LabelAnswer:
    """Return one label for the whole record."""
    words, said = record.tokens or [], record.prediction
    return LabelAnswer(record.id, words, [(0, len(words))], [record.gold], said.labels, said.confidences)


@final
@dataclass(frozen=True, slots=True)
class SetAnswer:
    """Any number of labels for a record."""

    id: str
    tokens: Sequence[str]
    gold: Sequence[str]
    predicted: Sequence[str]
    confidences: Sequence[float]


@final
@dataclass(frozen=True, slots=True)
class SequenceAnswer:
    """Labels in order; predicted labels have places, gold labels have none."""

    id: str
    tokens: Sequence[str]
    gold: Sequence[str]
    """The closest of several correct answers."""
    predicted: Sequence[str]
    confidences: Sequence[float]
    places: Sequence[Place]


Answer: TypeAlias = SpanAnswer | LabelAnswer | SetAnswer | SequenceAnswer
