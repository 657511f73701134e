"""Answers beside what is right, in the four shapes that labels come in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

from seqlab.types import Span

Place: TypeAlias = tuple[int, int]
"""First step and the one after the last."""


@final
@dataclass(frozen=True, slots=True)
class SpanAnswer:
    """Spans that a record has, and those found."""

    id: str
    tokens: Sequence[str]
    gold: Sequence[Span]
    found: Sequence[Span]
    sure: Sequence[float]
    """Of each span found; empty where none were kept."""
    tag_sure: Sequence[float] = ()
    """Of the tag of each step; empty for a head that has no tags."""


@final
@dataclass(frozen=True, slots=True)
class LabelAnswer:
    """One label for each place that is given: steps, segments, nodes of a tree, or the whole record."""

    id: str
    tokens: Sequence[str]
    places: Sequence[Place]
    gold: Sequence[str | None]
    """None for a place that nobody has labelled."""
    said: Sequence[str]
    sure: Sequence[float]


@final
@dataclass(frozen=True, slots=True)
class SetAnswer:
    """Any number of labels for a record."""

    id: str
    tokens: Sequence[str]
    gold: Sequence[str]
    said: Sequence[str]
    sure: Sequence[float]


@final
@dataclass(frozen=True, slots=True)
class SequenceAnswer:
    """Labels in order; the places of those said were found, the places of gold nobody knows."""

    id: str
    tokens: Sequence[str]
    gold: Sequence[str]
    """Of several right answers the closest."""
    said: Sequence[str]
    sure: Sequence[float]
    places: Sequence[Place]


Answer: TypeAlias = SpanAnswer | LabelAnswer | SetAnswer | SequenceAnswer
