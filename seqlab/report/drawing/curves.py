"""Draw line charts, scatter charts and reliability diagrams."""

import math
from collections.abc import Sequence

from seqlab.report.document.charts import Curves, Reliability, Scatter, Series
from seqlab.report.drawing.canvas import dot, line, path, rect, svg, text
from seqlab.report.drawing.frame import BOTTOM, HEIGHT, LEFT, N_COLOURS, RIGHT, TOP, WIDTH, axes, legend, x_scale, y_scale
from seqlab.report.drawing.scales import Scale, tick_name

_MAX_NAMES = 10
"""With more lines there is no legend; each still has a tooltip."""
_COUNTS = 54
"""Height of the panel with the counts."""


def draw_curves(chart: Curves) -> str:
    """Return a line chart."""
    points = [point for series in chart.series for point in series.points if math.isfinite(point[1])]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    x, y = x_scale(xs), y_scale(ys, is_log=chart.is_log)
    is_whole = all(value == int(value) for value in xs)
    parts = axes(x, y, x_name=chart.x, y_name=chart.y, only_whole=is_whole)
    if chart.marked is not None:
        at, name = x.place(chart.marked[0]), chart.marked[1]
        parts.append(line(at, TOP, at, HEIGHT - BOTTOM, classes="marked"))
        parts.append(text(at, TOP - 4, name, anchor="end" if at > WIDTH / 2 else "start", classes="tick"))
    classes = [_classes(series, i) for i, series in enumerate(chart.series)]
    for series, look in sorted(zip(chart.series, classes, strict=True), key=lambda pair: pair[0].style == "strong"):
        parts += _line(series, look, x, y)
    named = [(s.name, look) for s, look in zip(chart.series, classes, strict=True)] if len(chart.series) <= _MAX_NAMES else []
    key, bottom = legend(named, top=HEIGHT + 14.0)
    return svg(
        [*parts, *key],
        width=WIDTH,
        height=bottom if named else HEIGHT,
        label=f"{chart.y} over {chart.x}",
        is_fluid=chart.is_fluid,
    )


def _line(series: Series, classes: str, x: Scale, y: Scale) -> list[str]:
    points = [(a, b) for a, b in series.points if math.isfinite(b)]
    places = [(x.place(a), y.place(b)) for a, b in points]
    drawn = [path(places, classes=classes, title=series.name)]
    if len(places) <= 30 and "faint" not in series.style:
        for place, (a, b) in zip(places, points, strict=True):
            title = f"{series.name}: {tick_name(a)}, {b:.4g}"
            drawn.append(dot(*place, classes=f"{classes} dot", title=title, radius=2.2))
    return drawn


def _classes(series: Series, index: int) -> str:
    is_grey = series.style.startswith(("strong", "faint"))
    return f"line {series.style}" if is_grey else f"line c{index % N_COLOURS} {series.style}".strip()


def draw_scatter(chart: Scatter) -> str:
    """Return a scatter chart with the points on the front joined and named."""
    x, y = x_scale([p.x for p in chart.points]), y_scale([p.y for p in chart.points])
    parts = axes(x, y, x_name=chart.x, y_name=chart.y)
    front = sorted((x.place(p.x), y.place(p.y)) for p in chart.points if p.is_front)
    parts.append(path(front, classes="line strong dashed", title="front"))
    for point in chart.points:
        look = "point front" if point.is_front else "point"
        place = x.place(point.x), y.place(point.y)
        parts.append(dot(*place, classes=look, title=f"{point.name}: {point.x:.4g}, {point.y:.4g}"))
        if point.is_front:
            anchor, shift = ("end", -6) if place[0] > WIDTH / 2 else ("start", 6)
            parts.append(text(place[0] + shift, place[1] + 12, point.name, anchor=anchor, classes="tick"))
    return svg(parts, width=WIDTH, height=HEIGHT, label=f"{chart.y} against {chart.x}", is_fluid=chart.is_fluid)


def draw_reliability(chart: Reliability) -> str:
    """Return accuracy by confidence with the diagonal, and the number of answers in each bin below."""
    x = Scale(0, 1, LEFT, WIDTH - RIGHT)
    y = Scale(0, 1, HEIGHT - BOTTOM, TOP)
    parts = axes(x, y, x_name="confidence", y_name="accuracy")
    for each in chart.bins:
        if each.n:
            left, right, top = x.place(each.low) + 1, x.place(each.high) - 1, y.place(each.accuracy)
            title = f"confidence {each.low:.1f} to {each.high:.1f}: {each.accuracy:.1%} of {each.n:,} are right"
            parts.append(rect(left, top, right - left, HEIGHT - BOTTOM - top, classes="bar", title=title))
    parts.append(path([(x.place(v), y.place(v)) for v in (0.0, 1.0)], classes="line faint dashed", title="calibrated"))
    parts += [dot(x.place(b.confidence), y.place(b.accuracy), classes="point front") for b in chart.bins if b.n]
    parts += _numbers([(x.place(b.low), x.place(b.high), b.n) for b in chart.bins])
    return svg(parts, width=WIDTH, height=HEIGHT + _COUNTS + 12, label="reliability diagram", is_fluid=chart.is_fluid)


def _numbers(columns: Sequence[tuple[float, float, int]]) -> list[str]:
    most = max((n for _, _, n in columns), default=1) or 1
    base, parts = HEIGHT + _COUNTS, [text(6, HEIGHT + 12, "answers", classes="name")]
    for left, right, n in columns:
        height = (_COUNTS - 30) * n / most
        parts.append(rect(left + 1, base - height, right - left - 2, height, classes="bar soft", title=f"{n:,} answers"))
        parts.append(text((left + right) / 2, base - height - 3, _short(n), anchor="middle", classes="tick small"))
    return [*parts, line(LEFT, base, WIDTH - RIGHT, base, classes="axis")]


def _short(n: int) -> str:
    return f"{n / 1000:.0f}k" if n >= 10_000 else f"{n / 1000:.1f}k" if n >= 1000 else str(n)
