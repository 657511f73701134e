"""Draw confusion matrices."""

from seqlab.report.document.charts import Matrix
from seqlab.report.drawing.canvas import CHARACTER, cut, rect, svg, text

_NUMBERED = 14
"""Larger matrices have no numbers in their cells."""
_NAME = 22
_STEEP = -60


def draw_matrix(chart: Matrix) -> str:
    """Return a cell for each pair of labels, shaded by its share of the row; errors have another colour."""
    n = len(chart.labels)
    # Cells shrink with the number of labels, so that large matrices fit on a page.
    cell = 44 if n <= 8 else 34 if n <= _NUMBERED else 18 if n <= 40 else 12
    small = "" if cell >= 18 else " tiny"
    names = [cut(label, _NAME) for label in chart.labels]
    width = CHARACTER * max((len(name) for name in names), default=1) * (1.0 if cell >= 18 else 0.78)
    # Column names are slanted by 60 degrees, so they need about 0.9 of their length as height.
    left, top = width + 22, width * 0.9 + 30
    parts = [text(4, 14, "gold ↓  predicted →", classes="name"), rect(left, top, n * cell, n * cell, classes="empty")]
    for i, name in enumerate(names):
        middle = (i + 0.5) * cell + 4
        parts.append(text(left - 6, top + middle, name, anchor="end", classes=f"tick{small}"))
        parts.append(text(left + middle, top - 6, name, classes=f"tick{small}", turned=_STEEP))
    for i, row in enumerate(chart.counts):
        total = sum(row)
        parts += [_cell(chart, i, j, total=total, cell=cell, left=left, top=top) for j in range(n) if row[j]]
    size = left + n * cell + width * 0.6 + 10, top + n * cell + 10
    return svg(parts, width=size[0], height=size[1], label=f"confusion matrix of {n} labels", is_fluid=chart.is_fluid)


def _cell(chart: Matrix, i: int, j: int, *, total: int, cell: float, left: float, top: float) -> str:
    count = chart.counts[i][j]
    x, y = left + j * cell, top + i * cell
    title = f"{chart.labels[i]} predicted as {chart.labels[j]}: {count:,} of {total:,}"
    look = "heat" if i == j else "heat error"
    box = rect(x + 0.5, y + 0.5, cell - 1, cell - 1, classes=look, opacity=0.12 + 0.88 * count / total, title=title)
    if len(chart.labels) > _NUMBERED:
        return box
    number = f"{count / 1000:.0f}k" if count >= 10_000 else str(count)
    return box + text(x + cell / 2, y + cell / 2 + 4, number, anchor="middle", classes="tick inside")
