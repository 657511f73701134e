"""Axes and legend of charts with two scales."""

from collections.abc import Sequence

from seqlab.report.charts.canvas import CHARACTER, cut, line, text
from seqlab.report.charts.scales import Scale, tick_name

WIDTH, HEIGHT = 520, 300
LEFT, TOP = 56, 24
RIGHT, BOTTOM = WIDTH - 14, HEIGHT - 42
"""Edges of the area inside the axes, in pixels."""
_NAME = 34


def axes(x: Scale, y: Scale, *, x_name: str, y_name: str, only_whole: bool = False) -> list[str]:
    """Return grid lines, ticks and names; `only_whole` omits fractional ticks on x."""
    parts = []
    for value in y.ticks(5):
        at = y.place(value)
        parts.append(line(LEFT, at, RIGHT, at))
        parts.append(text(LEFT - 6, at + 4, tick_name(value), anchor="end", classes="tick"))
    for value in x.ticks(8):
        if only_whole and value != int(value):
            continue
        at = x.place(value)
        parts.append(line(at, BOTTOM, at, BOTTOM + 4, classes="axis"))
        parts.append(text(at, BOTTOM + 17, tick_name(value), anchor="middle", classes="tick"))
    parts.append(line(LEFT, BOTTOM, RIGHT, BOTTOM, classes="axis"))
    parts.append(text((LEFT + RIGHT) / 2, HEIGHT - 6, x_name, anchor="middle", classes="name"))
    parts.append(text(6, 14, y_name, classes="name"))
    return parts


def legend(names: Sequence[tuple[str, str]], *, top: float) -> tuple[list[str], float]:
    """Return a legend of (name, line classes) in as many rows as it needs below `top`, and its lower end."""
    parts, x, y = [], float(LEFT), top
    for name, classes in names:
        short = cut(name, _NAME)
        width = 30 + CHARACTER * len(short)
        # A name wider than a row still gets a row of its own.
        if x > LEFT and x + width > RIGHT:
            x, y = float(LEFT), y + 18
        parts.append(line(x, y - 4, x + 18, y - 4, classes=classes))
        parts.append(text(x + 23, y, short, classes="tick"))
        x += width + 8
    return parts, y + 8
