"""Predictions next to gold, in the four shapes that labels come in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

from seqlab.types import Span

Place: TypeAlias = tuple[int, int]
"""First step, and one past the last."""


@final
@dataclass(frozen=True, slots=True)
class SpanAnswer:
    """Gold and predicted spans of a record."""

    id: str
    tokens: Sequence[str]
    gold: Sequence[Span]
    found: Sequence[Span]
    confidences: Sequence[float]
    """One for each predicted span; empty if the run kept none."""
    tag_confidences: Sequence[float] = ()
    """Confidence of the tag at each step; empty for heads without tags."""


@final
@dataclass(frozen=True, slots=True)
class LabelAnswer:
    """One label for each given place: a step, a segment, a tree node, or the whole record."""

    id: str
    tokens: Sequence[str]
    places: Sequence[Place]
    gold: Sequence[str | None]
    """None for a place without annotation."""
    predicted: Sequence[str]
    confidences: Sequence[float]


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
    """Labels in order. Only predicted labels have places; gold has none."""

    id: str
    tokens: Sequence[str]
    gold: Sequence[str]
    """If there are several references, the closest one."""
    predicted: Sequence[str]
    confidences: Sequence[float]
    places: Sequence[Place]


Answer: TypeAlias = SpanAnswer | LabelAnswer | SetAnswer | SequenceAnswer
