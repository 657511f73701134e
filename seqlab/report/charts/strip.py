"""Predicted labels over the steps of a record."""

from collections.abc import Sequence
from typing import NamedTuple

from seqlab.report.charts.canvas import line, rect, svg, text
from seqlab.report.document.model import Column, Table

_MIN_STEP, _MAX_STEP, _WIDEST = 3.0, 30.0, 900.0
_ROW, _PAD = 26, 8


class Strip(NamedTuple):
    """Predicted labels over the steps of a record."""

    steps: Sequence[str]
    """Token at each step; empty strings for steps without tokens."""
    labels: Sequence[str]
    places: Sequence[tuple[int, int]]
    confidences: Sequence[float]
    is_right: Sequence[bool]

    def svg(self) -> str:
        """Draw the labels above the steps, fainter when less confident; narrow labels alternate between two rows."""
        n_steps = max([len(self.steps), *(end for _, end in self.places), 1])
        longest = max((len(label) for label in self.labels), default=1)
        has_names = any(self.steps)
        # Steps with names need room for the longest; others share the width of the picture.
        step = max(22.0, 8.0 * max(map(len, self.steps))) if has_names else min(_MAX_STEP, max(_MIN_STEP, _WIDEST / n_steps))
        is_narrow = longest * 7.5 > step * 1.5
        parts = []
        boxes = zip(self.labels, self.places, self.confidences, self.is_right, strict=True)
        for i, (label, (start, end), confidence, right) in enumerate(boxes):
            row = _PAD + (i % 2) * _ROW if is_narrow else _PAD
            x, width = _PAD + start * step, (end - start) * step
            title = f"{label}: steps {start + 1} to {end}, confidence {confidence:.2f}{'' if right else ', not in gold'}"
            look, opacity = "said" if right else "said error", 0.15 + 0.85 * confidence
            parts.append(rect(x + 0.5, row, width - 1, 20, classes=look, opacity=opacity, title=title))
            parts.append(text(x + width / 2, row + 14, label, anchor="middle", classes="tick inside"))
        base = _PAD + _ROW * (2 if is_narrow else 1) + 2
        for i, name in enumerate(self.steps):
            parts.append(text(_PAD + (i + 0.5) * step, base + 14, name, anchor="middle", classes="tick"))
        # Frames have no tokens to name them by; a ruler counts them.
        if not has_names:
            parts += _ruler(n_steps, step=step, top=base)
        return svg(parts, width=n_steps * step + 2 * _PAD, height=base + 24, label="predicted labels by step")

    def table(self) -> Table:
        """Return a row for each label."""
        columns = [Column("label"), Column("first step", "count"), Column("step after the last", "count")]
        columns += [Column("confidence", "number"), Column("right")]
        rows = zip(self.labels, self.places, self.confidences, self.is_right, strict=True)
        return Table(columns, [[label, *place, confidence, right] for label, place, confidence, right in rows])


def _ruler(n_steps: int, *, step: float, top: float) -> list[str]:
    every = next(unit for unit in (10, 20, 50, 100, 200, 500, 1000, 10**9) if unit * step >= 40)
    parts = [line(_PAD, top, _PAD + n_steps * step, top, classes="axis")]
    for at in range(0, n_steps + 1, every):
        parts.append(line(_PAD + at * step, top, _PAD + at * step, top + 4, classes="axis"))
        parts.append(text(_PAD + at * step, top + 16, str(at), anchor="middle" if at else "start", classes="tick"))
    return parts
