"""Parallel coordinates: a line for each trial across the axes of settings and scores."""

from collections.abc import Sequence
from typing import NamedTuple

from seqlab.report.charts.canvas import CHARACTER, cut, line, path, svg, text
from seqlab.report.document.model import Column, Table

_HEIGHT, _TOP, _BOTTOM = 320, 44, 304
_LEFT, _NAME, _TICK = 30.0, 24, 16


class Axis(NamedTuple):
    """An axis of parallel coordinates; ticks are (position from 0 to 1, label)."""

    name: str
    ticks: Sequence[tuple[float, str]]


class Path(NamedTuple):
    """One trial: its position from 0 to 1 on each axis."""

    name: str
    places: Sequence[float]
    score: float
    """From 0 (worst) to 1 (best)."""


class Parallel(NamedTuple):
    """Trials as lines across axes, coloured by score."""

    axes: Sequence[Axis]
    paths: Sequence[Path]

    def svg(self) -> str:
        """Draw the lines, best trials on top."""
        gap = max([110.0, *(CHARACTER * min(len(axis.name), _NAME) + 14 for axis in self.axes)])
        xs = [_LEFT + i * gap for i in range(len(self.axes))]
        parts = []
        # SVG draws in order, so the best trials come last.
        for trial in sorted(self.paths, key=lambda path: path.score):
            points = zip(xs, map(_y, trial.places), strict=True)
            parts.append(path(list(points), classes="trial", title=trial.name, shade=trial.score))
        for i, (x, axis) in enumerate(zip(xs, self.axes, strict=True)):
            parts.append(line(x, _TOP, x, _BOTTOM, classes="axis"))
            # Names alternate between two rows, so that long ones do not overlap; the first would stick out on the left.
            place, anchor = (x, "middle") if i else (_LEFT - 20, "start")
            parts.append(text(place, 16 if i % 2 == 0 else 32, cut(axis.name, _NAME), anchor=anchor, classes="name"))
            parts += [text(x + 5, _y(place) + 4, cut(name, _TICK), classes="tick halo") for place, name in axis.ticks]
        return svg(parts, width=xs[-1] + 130, height=_HEIGHT, label="trials across settings and scores")

    def table(self) -> Table:
        """Return a row for each trial, with its position on each axis."""
        columns = [Column("trial"), *(Column(axis.name, "number") for axis in self.axes)]
        return Table(columns, [[path.name, *path.places] for path in self.paths])


def _y(place: float) -> float:
    return _BOTTOM - place * (_BOTTOM - _TOP)
