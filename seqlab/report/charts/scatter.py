"""Scatter charts."""

from collections.abc import Sequence
from typing import NamedTuple

from seqlab.report.charts.canvas import dot, path, svg, text
from seqlab.report.charts.frame import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, axes
from seqlab.report.charts.scales import Scale
from seqlab.report.document.model import Column, Table


class Point(NamedTuple):
    """A point in a scatter chart."""

    name: str
    x: float
    y: float
    is_front: bool


class Scatter(NamedTuple):
    """Points; those on the Pareto front are joined by a line."""

    x: str
    y: str
    points: Sequence[Point]

    def svg(self) -> str:
        """Draw the points, those on the front with their names."""
        x = Scale.of([p.x for p in self.points], start=LEFT, end=RIGHT)
        y = Scale.of([p.y for p in self.points], start=BOTTOM, end=TOP)
        parts = axes(x, y, x_name=self.x, y_name=self.y)
        front = sorted((x.place(p.x), y.place(p.y)) for p in self.points if p.is_front)
        parts.append(path(front, classes="line strong dashed", title="front"))
        for point in self.points:
            left, top = x.place(point.x), y.place(point.y)
            title = f"{point.name}: {point.x:.4g}, {point.y:.4g}"
            parts.append(dot(left, top, classes="point front" if point.is_front else "point", title=title))
            if point.is_front:
                anchor, shift = ("end", -6) if left > WIDTH / 2 else ("start", 6)
                parts.append(text(left + shift, top + 12, point.name, anchor=anchor, classes="tick"))
        return svg(parts, width=WIDTH, height=HEIGHT, label=f"{self.y} against {self.x}", is_fluid=True)

    def table(self) -> Table:
        """Return a row for each point."""
        columns = [Column("trial"), Column(self.x, "number"), Column(self.y, "number"), Column("on the front")]
        return Table(columns, self.points)
