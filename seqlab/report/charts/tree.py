"""Labelled trees."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from seqlab.report.document.model import Column, Table
from seqlab.report.document.text import escaped

_CHARACTER, _GAP, _ROW, _PAD = 7.6, 22, 54, 16
_NOTE_CHARACTER = 6.8
_LOW = 33
"""Distance from the top of a box to where its lines start, below the confidence."""
_NOTE = "Some branches cross: lines follow the spans, so a few true parents differ."
_STYLE = (
    ".tree text{font:13px ui-monospace,SFMono-Regular,Menlo,monospace;text-anchor:middle;fill:var(--tree-ink,#1b1f24)}"
    ".tree .note{font-size:11px;text-anchor:start;fill:var(--tree-soft,#57606a)}"
    ".tree .confidence{font-size:10px;fill:var(--tree-soft,#57606a)}.tree line{stroke:var(--tree-line,#8c959f)}"
    ".tree rect{fill:var(--tree-fill,#ddf4ff);stroke:var(--tree-edge,#54aeff)}"
    ".tree .error{fill:var(--tree-error,#ffd8d3);stroke:var(--tree-error-edge,#cf222e)}"
)
"""Styles stand inside the picture, since it may be a file of its own; a page can override the colours."""


class Tree(NamedTuple):
    """Labelled nodes in post-order, above the words.

    A node's parent is the first later node whose span contains its own. Spans do not determine the parents of crossing branches
    (non-projective dependencies), which a note in the picture then points out.
    """

    words: Sequence[str]
    places: Sequence[tuple[int, int]]
    labels: Sequence[str]
    confidences: Sequence[float]
    gold: Sequence[str | None]
    """None for nodes without a gold label."""

    def svg(self) -> str:
        """Draw the tree: boxes are fainter when less confident; those that differ from gold are red and show the gold label."""
        centres, width = _centres(self.words)
        parents, depths = _parents_and_depths(self.places)
        xs = [(centres[start] + centres[end - 1]) / 2 for start, end in self.places]
        ys = [_PAD + _ROW * depth for depth in depths]
        bottom = _PAD + _ROW * (1 + max(depths, default=0))
        lines, boxes = [], []
        for node, (start, end) in enumerate(self.places):
            if (parent := parents[node]) is not None:
                lines.append(_line(xs[node], ys[node], xs[parent], ys[parent] + _LOW))
            if end - start == 1:
                lines.append(_line(xs[node], ys[node] + _LOW, centres[start], bottom - 2))
            boxes.append(self._box(node, xs[node], ys[node]))
        texts = [
            f'<text x="{x:.1f}" y="{bottom + 14}">{escaped(word)}</text>' for x, word in zip(centres, self.words, strict=True)
        ]
        height = bottom + 28
        # Where branches cross, the ends of spans sometimes fall in post-order.
        if any(later < end for (_, end), (_, later) in pairwise(self.places)):
            height, width = height + 18, max(width, len(_NOTE) * _NOTE_CHARACTER + 2 * _PAD)
            texts.append(f'<text class="note" x="{_PAD}" y="{height - 12}">{_NOTE}</text>')
        size = f'width="{width:.0f}" height="{height}" viewBox="0 0 {width:.0f} {height}"'
        parts = "".join([*lines, *boxes, *texts])
        return f'<svg xmlns="http://www.w3.org/2000/svg" class="tree" {size}><style>{_STYLE}</style>{parts}</svg>'

    def _box(self, node: int, x: float, y: float) -> str:
        label, confidence, gold = self.labels[node], self.confidences[node], self.gold[node]
        look, below = ("", f"{confidence:.2f}") if gold in (None, label) else (' class="error"', f"gold {gold}")
        width = max(len(label) * _CHARACTER + 10, 22)
        place = f'x="{x - width / 2:.1f}" y="{y}" width="{width:.1f}" height="18"'
        box = f'<rect {place} rx="4"{look} fill-opacity="{0.15 + 0.85 * confidence:.2f}"/>'
        text = f'<text x="{x:.1f}" y="{y + 13}">{escaped(label)}</text>'
        return f'{box}{text}<text class="confidence" x="{x:.1f}" y="{y + 30}" dy="-1">{escaped(below)}</text>'

    def table(self) -> Table:
        """Return a row for each node."""
        columns = [Column("words"), Column("predicted"), Column("gold"), Column("confidence", "number")]
        rows = zip(self.places, self.labels, self.gold, self.confidences, strict=True)
        return Table(columns, [[" ".join(self.words[a:b]), label, gold, p] for (a, b), label, gold, p in rows])


def _centres(words: Sequence[str]) -> tuple[list[float], float]:
    """Return the centre of each word on the line, and the width of the line."""
    centres, x = [], float(_PAD)
    for word in words:
        size = max(len(word) * _CHARACTER, 34)
        centres.append(x + size / 2)
        x += size + _GAP
    return centres, x - _GAP + _PAD


def _parents_and_depths(places: Sequence[tuple[int, int]]) -> tuple[list[int | None], list[int]]:
    """Return the parent of each node, None for a root, and its distance from the root."""
    parents: list[int | None] = [None] * len(places)
    waiting: list[int] = []
    for node, (start, end) in enumerate(places):
        # In post-order, the children of a node are the latest nodes without a parent that lie within it.
        while waiting and start <= places[waiting[-1]][0] and places[waiting[-1]][1] <= end:
            parents[waiting.pop()] = node
        waiting.append(node)
    depths = [0] * len(places)
    # In post-order, parents come after their children, so depths are known from the end.
    for node in reversed(range(len(places))):
        if (parent := parents[node]) is not None:
            depths[node] = depths[parent] + 1
    return parents, depths


def _line(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"/>'
