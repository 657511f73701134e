"""Draw parallel coordinates: a line for each trial across the axes of settings and scores."""

from seqlab.report.document.charts import Parallel
from seqlab.report.drawing.canvas import CHARACTER, cut, line, path, svg, text

_HEIGHT, _TOP, _BOTTOM = 320, 44, 16
_NAME, _TICK = 24, 16


def draw_parallel(chart: Parallel) -> str:
    """Return the lines, best trials on top; a line skips the axes on which its trial has no value."""
    gap = max([110.0, *(CHARACTER * min(len(axis.name), _NAME) + 14 for axis in chart.axes)])
    left = 30.0
    xs = [left + i * gap for i in range(len(chart.axes))]
    parts = []
    for trial in sorted(chart.paths, key=lambda path: path.score):
        points = [(x, _y(place)) for x, place in zip(xs, trial.places, strict=True) if place is not None]
        parts.append(path(points, classes="trial", title=trial.name, shade=trial.score))
    for i, (x, axis) in enumerate(zip(xs, chart.axes, strict=True)):
        parts.append(line(x, _TOP, x, _HEIGHT - _BOTTOM, classes="axis"))
        # Names alternate between two rows, so that long ones do not overlap; the first would stick out on the left.
        place, anchor = (x, "middle") if i else (left - 20, "start")
        parts.append(text(place, 16 if i % 2 == 0 else 32, cut(axis.name, _NAME), anchor=anchor, classes="name"))
        parts += [text(x + 5, _y(place) + 4, cut(name, _TICK), classes="tick halo") for place, name in axis.ticks]
    return svg(parts, width=xs[-1] + 130, height=_HEIGHT, label="trials across settings and scores", is_fluid=chart.is_fluid)


def _y(place: float) -> float:
    return _HEIGHT - _BOTTOM - place * (_HEIGHT - _BOTTOM - _TOP)
