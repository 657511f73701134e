"""Reliability diagrams."""

from collections.abc import Sequence
from typing import NamedTuple

from seqlab.metrics.calibration import Bin
from seqlab.report.charts.canvas import dot, line, path, rect, svg, text
from seqlab.report.charts.frame import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, axes
from seqlab.report.charts.scales import Scale
from seqlab.report.document.model import Column, Table

_BASE = HEIGHT + 54
"""Lower end of the panel with the counts."""


class Reliability(NamedTuple):
    """Accuracy by confidence, with the number of answers in each bin."""

    bins: Sequence[Bin]

    def svg(self) -> str:
        """Draw the accuracy of each bin with the diagonal, and the counts below."""
        x, y = Scale(0, 1, LEFT, RIGHT), Scale(0, 1, BOTTOM, TOP)
        parts = axes(x, y, x_name="confidence", y_name="accuracy")
        most = max((each.n for each in self.bins), default=0) or 1
        # Dots lie above all bars, and so are drawn after them.
        dots, counts = [], []
        for each in self.bins:
            left, right = x.place(each.low), x.place(each.high)
            if each.n:
                top = y.place(each.accuracy)
                title = f"confidence {each.low:.1f} to {each.high:.1f}: {each.accuracy:.1%} of {each.n:,} are right"
                parts.append(rect(left + 1, top, right - left - 2, BOTTOM - top, classes="bar", title=title))
                dots.append(dot(x.place(each.confidence), top, classes="point front"))
            height = (_BASE - HEIGHT - 30) * each.n / most
            title = f"{each.n:,} answers"
            counts.append(rect(left + 1, _BASE - height, right - left - 2, height, classes="bar soft", title=title))
            middle, n = (left + right) / 2, _short(each.n)
            counts.append(text(middle, _BASE - height - 3, n, anchor="middle", classes="tick small"))
        parts.append(path([(LEFT, BOTTOM), (RIGHT, TOP)], classes="line faint dashed", title="calibrated"))
        parts += [*dots, text(6, HEIGHT + 12, "answers", classes="name"), *counts]
        parts.append(line(LEFT, _BASE, RIGHT, _BASE, classes="axis"))
        return svg(parts, width=WIDTH, height=_BASE + 12, label="reliability diagram", is_fluid=True)

    def table(self) -> Table:
        """Return a row for each bin."""
        columns = [Column("confidence above", "number"), Column("up to", "number"), Column("answers", "count")]
        columns += [Column("mean confidence", "number"), Column("right", "share")]
        return Table(columns, [[b.low, b.high, b.n, b.confidence, b.accuracy if b.n else None] for b in self.bins])


def _short(n: int) -> str:
    return f"{n / 1000:.0f}k" if n >= 10_000 else f"{n / 1000:.1f}k" if n >= 1000 else str(n)
