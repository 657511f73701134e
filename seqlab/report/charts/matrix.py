"""Confusion matrices."""

from collections.abc import Sequence
from typing import NamedTuple

from seqlab.report.charts.canvas import CHARACTER, cut, rect, svg, text
from seqlab.report.document.model import Column, Table

_NUMBERED = 14
"""Larger matrices have no numbers in their cells."""
_NAME = 22
_STEEP = -60


class Matrix(NamedTuple):
    """Counts by gold label (row) and predicted label (column), shaded by their share of the row."""

    labels: Sequence[str]
    counts: Sequence[Sequence[int]]

    def svg(self) -> str:
        """Draw a cell for each pair of labels; errors have another colour."""
        n = len(self.labels)
        # Cells shrink with the number of labels, so that large matrices fit on a page.
        cell = 44 if n <= 8 else 34 if n <= _NUMBERED else 18 if n <= 40 else 12
        small = "" if cell >= 18 else " tiny"
        names = [cut(label, _NAME) for label in self.labels]
        width = CHARACTER * max((len(name) for name in names), default=1) * (1.0 if cell >= 18 else 0.78)
        # Column names are slanted by 60 degrees, so they need about 0.9 of their length as height.
        left, top = width + 22, width * 0.9 + 30
        parts = [text(4, 14, "gold ↓  predicted →", classes="name"), rect(left, top, n * cell, n * cell, classes="empty")]
        for i, name in enumerate(names):
            middle = (i + 0.5) * cell + 4
            parts.append(text(left - 6, top + middle, name, anchor="end", classes=f"tick{small}"))
            parts.append(text(left + middle, top - 6, name, classes=f"tick{small}", turned=_STEEP))
        for i, row in enumerate(self.counts):
            for j, count in enumerate(row):
                if count:
                    parts.append(self._cell(i, j, x=left + j * cell, y=top + i * cell, size=cell))
        height = top + n * cell + 10
        return svg(parts, width=left + n * cell + width * 0.6 + 10, height=height, label=f"confusion matrix of {n} labels")

    def _cell(self, i: int, j: int, *, x: float, y: float, size: float) -> str:
        count, total = self.counts[i][j], sum(self.counts[i])
        title = f"{self.labels[i]} predicted as {self.labels[j]}: {count:,} of {total:,}"
        look = "heat" if i == j else "heat error"
        # The opacity starts at 0.12, so that a rare error is still visible.
        box = rect(x + 0.5, y + 0.5, size - 1, size - 1, classes=look, opacity=0.12 + 0.88 * count / total, title=title)
        # The tooltip still has the number.
        if len(self.labels) > _NUMBERED:
            return box
        number = f"{count / 1000:.0f}k" if count >= 10_000 else str(count)
        return box + text(x + size / 2, y + size / 2 + 4, number, anchor="middle", classes="tick inside")

    def table(self) -> Table:
        """Return the counts, with a column for each predicted label."""
        columns = [Column("gold \\ predicted"), *(Column(label, "count") for label in self.labels)]
        return Table(columns, [[label, *row] for label, row in zip(self.labels, self.counts, strict=True)])
