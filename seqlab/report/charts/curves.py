"""Line charts."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from seqlab.report.charts.canvas import dot, line, path, svg, text
from seqlab.report.charts.frame import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, axes, legend
from seqlab.report.charts.scales import Scale, tick_name
from seqlab.report.document.model import Column, Table

_N_COLOURS = 8
_MAX_NAMES = 10
"""With more lines there is no legend; each still has a tooltip."""
_MAX_DOTS = 30


class Series(NamedTuple):
    """Points (x, y) joined by a line."""

    name: str
    points: Sequence[tuple[float, float]]
    style: str = ""
    """`dashed`, `faint` or `strong`; empty for a plain line in its own colour."""

    def classes(self, index: int) -> str:
        """Return the CSS classes of the line with this index in its chart."""
        is_grey = self.style.startswith(("strong", "faint"))
        return f"line {self.style}" if is_grey else f"line c{index % _N_COLOURS} {self.style}".strip()

    def drawn(self, classes: str, x: Scale, y: Scale) -> list[str]:
        """Return the line, with dots if there are few points."""
        points = [(a, b) for a, b in self.points if math.isfinite(b)]
        places = [(x.place(a), y.place(b)) for a, b in points]
        parts = [path(places, classes=classes, title=self.name)]
        if len(places) <= _MAX_DOTS and "faint" not in self.style:
            for place, (a, b) in zip(places, points, strict=True):
                title = f"{self.name}: {tick_name(a)}, {b:.4g}"
                parts.append(dot(*place, classes=f"{classes} dot", title=title, radius=2.2))
        return parts


class Curves(NamedTuple):
    """Lines over a common axis; `marked` is the x of a vertical line, and its name."""

    x: str
    y: str
    series: Sequence[Series]
    marked: tuple[float, str] | None = None
    is_log: bool = False

    def svg(self) -> str:
        """Draw the lines with a legend; strong ones on top."""
        # A diverged run logs nan and inf, for which an axis has no place.
        points = [point for series in self.series for point in series.points if math.isfinite(point[1])]
        xs, ys = [x for x, _ in points], [y for _, y in points]
        x, y = Scale.of(xs, start=LEFT, end=RIGHT), Scale.of(ys, start=BOTTOM, end=TOP, is_log=self.is_log)
        parts = axes(x, y, x_name=self.x, y_name=self.y, only_whole=all(value == int(value) for value in xs))
        if self.marked is not None:
            at, name = x.place(self.marked[0]), self.marked[1]
            parts.append(line(at, TOP, at, BOTTOM, classes="marked"))
            parts.append(text(at, TOP - 4, name, anchor="end" if at > WIDTH / 2 else "start", classes="tick"))
        looks = [(series, series.classes(i)) for i, series in enumerate(self.series)]
        # SVG draws in order, so the last line is on top.
        for series, classes in sorted(looks, key=lambda pair: pair[0].style == "strong"):
            parts += series.drawn(classes, x, y)
        height = float(HEIGHT)
        if 0 < len(looks) <= _MAX_NAMES:
            key, height = legend([(series.name, classes) for series, classes in looks], top=HEIGHT + 14.0)
            parts += key
        return svg(parts, width=WIDTH, height=height, label=f"{self.y} over {self.x}", is_fluid=True)

    def table(self) -> Table:
        """Return a row for each x, with a column for each line."""
        values = [dict(series.points) for series in self.series]
        xs = sorted({x for points in values for x in points})
        columns = [Column(self.x, "number"), *(Column(series.name, "number") for series in self.series)]
        return Table(columns, [[x, *(points.get(x) for points in values)] for x in xs])
