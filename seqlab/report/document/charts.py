"""Charts as data; `seqlab.report.drawing` draws them.

A fluid chart takes the width of the page; the others have a fixed size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, final

from seqlab.metrics.calibration import Bin


@final
@dataclass(frozen=True)
class Series:
    """Points (x, y) joined by a line."""

    name: str
    points: Sequence[tuple[float, float]]
    style: str = ""
    """`dashed`, `faint` or `strong`; empty for a plain line in its own colour."""


@final
@dataclass(frozen=True)
class Curves:
    """Lines over a common axis; `marked` is the x of a vertical line, and its name."""

    x: str
    y: str
    series: Sequence[Series]
    marked: tuple[float, str] | None = None
    is_log: bool = False
    is_fluid: ClassVar[bool] = True


@final
@dataclass(frozen=True)
class Matrix:
    """Counts by gold label (row) and predicted label (column), shaded by their share of the row."""

    labels: Sequence[str]
    counts: Sequence[Sequence[int]]
    is_fluid: ClassVar[bool] = False


@final
@dataclass(frozen=True)
class Reliability:
    """Accuracy by confidence, with the number of answers in each bin."""

    bins: Sequence[Bin]
    is_fluid: ClassVar[bool] = True


@final
@dataclass(frozen=True)
class Point:
    """A point in a scatter chart."""

    name: str
    x: float
    y: float
    is_front: bool


@final
@dataclass(frozen=True)
class Scatter:
    """Points; those on the Pareto front are joined by a line."""

    x: str
    y: str
    points: Sequence[Point]
    is_fluid: ClassVar[bool] = True


@final
@dataclass(frozen=True)
class Axis:
    """An axis of parallel coordinates; ticks are (position from 0 to 1, label)."""

    name: str
    ticks: Sequence[tuple[float, str]]


@final
@dataclass(frozen=True)
class Path:
    """One trial: its position from 0 to 1 on each axis, or None where it has no value."""

    name: str
    places: Sequence[float | None]
    score: float
    """From 0 (worst) to 1 (best)."""


@final
@dataclass(frozen=True)
class Parallel:
    """Trials as lines across axes, coloured by score."""

    axes: Sequence[Axis]
    paths: Sequence[Path]
    is_fluid: ClassVar[bool] = False


@final
@dataclass(frozen=True)
class Strip:
    """Predicted labels over the steps of a record."""

    steps: Sequence[str]
    """Token at each step; empty strings for steps without tokens."""
    labels: Sequence[str]
    places: Sequence[tuple[int, int]]
    sure: Sequence[float]
    is_right: Sequence[bool]
    is_fluid: ClassVar[bool] = False


@final
@dataclass(frozen=True)
class Tree:
    """Labelled nodes in post-order, above the words."""

    words: Sequence[str]
    places: Sequence[tuple[int, int]]
    labels: Sequence[str]
    sure: Sequence[float]
    gold: Sequence[str | None]
    is_fluid: ClassVar[bool] = False


Chart: TypeAlias = Curves | Matrix | Reliability | Scatter | Parallel | Strip | Tree
