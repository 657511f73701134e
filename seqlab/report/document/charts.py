"""Charts as the values that they show; `seqlab.report.drawing` makes pictures of them.

Those that are fluid are as wide as there is room, the others have a size of their own.
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
    """`dashed`, `faint` or `strong`; "" for a plain line in a colour of its own."""


@final
@dataclass(frozen=True)
class Curves:
    """Lines over a common axis; `marked` is the x of a vertical line with its name."""

    x: str
    y: str
    series: Sequence[Series]
    marked: tuple[float, str] | None = None
    is_log: bool = False
    is_fluid: ClassVar[bool] = True


@final
@dataclass(frozen=True)
class Matrix:
    """Counts by row (gold) and column (said), coloured by their share of the row."""

    labels: Sequence[str]
    counts: Sequence[Sequence[int]]
    is_fluid: ClassVar[bool] = False


@final
@dataclass(frozen=True)
class Reliability:
    """Share of right answers by confidence, with the number of answers."""

    bins: Sequence[Bin]
    is_fluid: ClassVar[bool] = True


@final
@dataclass(frozen=True)
class Point:
    """A point of a scatter chart."""

    name: str
    x: float
    y: float
    is_front: bool


@final
@dataclass(frozen=True)
class Scatter:
    """Points, those of the front joined."""

    x: str
    y: str
    points: Sequence[Point]
    is_fluid: ClassVar[bool] = True


@final
@dataclass(frozen=True)
class Axis:
    """An axis of parallel coordinates: the values at its ticks, from 0 (low) to 1 (high)."""

    name: str
    ticks: Sequence[tuple[float, str]]


@final
@dataclass(frozen=True)
class Path:
    """A line across all axes: a place from 0 to 1 on each; None where it has no value there."""

    name: str
    places: Sequence[float | None]
    score: float
    """From 0 (worst) to 1 (best)."""


@final
@dataclass(frozen=True)
class Parallel:
    """Trials as lines across axes, coloured by their score."""

    axes: Sequence[Axis]
    paths: Sequence[Path]
    is_fluid: ClassVar[bool] = False


@final
@dataclass(frozen=True)
class Strip:
    """Labels in their places over the steps of a record."""

    steps: Sequence[str]
    """A name for each step; empty names for steps that have none."""
    labels: Sequence[str]
    places: Sequence[tuple[int, int]]
    sure: Sequence[float]
    is_right: Sequence[bool]
    is_fluid: ClassVar[bool] = False


@final
@dataclass(frozen=True)
class Tree:
    """Nodes in post-order with their labels, above the words."""

    words: Sequence[str]
    places: Sequence[tuple[int, int]]
    labels: Sequence[str]
    sure: Sequence[float]
    gold: Sequence[str | None]
    is_fluid: ClassVar[bool] = False


Chart: TypeAlias = Curves | Matrix | Reliability | Scatter | Parallel | Strip | Tree
