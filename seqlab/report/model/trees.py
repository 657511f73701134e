"""Draw a labelled tree as SVG."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from seqlab.report.document.text import escaped
from seqlab.types import Prediction

_CHARACTER, _GAP, _ROW, _PAD = 7.6, 22, 54, 16
_NOTE_CHARACTER = 6.8
_LOW = 33
"""Distance from the top of a box to where its lines start, below the confidence."""
_NOTE = "Some branches cross: lines follow the spans, so a few true parents differ."
_STYLE = (
    ".tree text{font:13px ui-monospace,SFMono-Regular,Menlo,monospace;text-anchor:middle;fill:var(--tree-ink,#1b1f24)}"
    ".tree .note{font-size:11px;text-anchor:start;fill:var(--tree-soft,#57606a)}"
    ".tree .sure{font-size:10px;fill:var(--tree-soft,#57606a)}.tree line{stroke:var(--tree-line,#8c959f)}"
    ".tree rect{fill:var(--tree-fill,#ddf4ff);stroke:var(--tree-edge,#54aeff)}"
    ".tree .error{fill:var(--tree-error,#ffd8d3);stroke:var(--tree-error-edge,#cf222e)}"
)
"""Styles stand inside the picture, since a page may hold several; a page can override the colours."""


class _Node(NamedTuple):
    x: float
    depth: int
    parent: int
    """-1 for a root."""


def tree_svg(words: Sequence[str], prediction: Prediction, *, gold: Sequence[str | None] | None = None) -> str:
    """Return a picture of the nodes that `prediction` labels, in post-order, above their `words`.

    A node's parent is the first later node whose span contains its own. Boxes are fainter when less confident, with the
    confidence below; where `gold` differs, the box is red and shows the gold label instead. Spans do not determine the parents
    of crossing branches (non-projective dependencies), which a note then points out.
    """
    assert prediction.bounds is not None
    centres, width = _centres(words)
    nodes = _placed(prediction.bounds, centres)
    bottom = _PAD + _ROW * (1 + max((node.depth for node in nodes), default=0))
    lines, boxes = [], []
    right = prediction.labels if gold is None else gold
    for node, (start, end), label, confidence, of_gold in zip(
        nodes, prediction.bounds, prediction.labels, prediction.confidences, right, strict=True
    ):
        y = _PAD + _ROW * node.depth
        if node.parent >= 0:
            above = nodes[node.parent]
            lines.append(_line(node.x, y, above.x, _PAD + _ROW * above.depth + _LOW))
        if end - start == 1:
            lines.append(_line(node.x, y + _LOW, centres[start], bottom - 2))
        is_wrong = of_gold is not None and of_gold != label
        boxes.append(
            _box(node.x, y, label, confidence, below=f"gold {of_gold}" if is_wrong else f"{confidence:.2f}", is_wrong=is_wrong)
        )
    texts = [f'<text x="{x:.1f}" y="{bottom + 14}">{escaped(word)}</text>' for x, word in zip(centres, words, strict=True)]
    height = bottom + 28
    if _is_crossing(prediction.bounds):
        height, width = height + 18, max(width, len(_NOTE) * _NOTE_CHARACTER + 2 * _PAD)
        texts.append(f'<text class="note" x="{_PAD}" y="{height - 12}">{_NOTE}</text>')
    size = f'width="{width:.0f}" height="{height}" viewBox="0 0 {width:.0f} {height}"'
    parts = "".join([*lines, *boxes, *texts])
    return f'<svg xmlns="http://www.w3.org/2000/svg" class="tree" {size}><style>{_STYLE}</style>{parts}</svg>'


def _centres(words: Sequence[str]) -> tuple[list[float], float]:
    """Return the centre of each word on the line, and the width of the line."""
    centres, x = [], float(_PAD)
    for word in words:
        size = max(len(word) * _CHARACTER, 34)
        centres.append(x + size / 2)
        x += size + _GAP
    return centres, x - _GAP + _PAD


def _placed(bounds: Sequence[tuple[int, int]], centres: Sequence[float]) -> list[_Node]:
    parents, waiting = [-1] * len(bounds), list[int]()
    for node, (start, end) in enumerate(bounds):
        while waiting and start <= bounds[waiting[-1]][0] and bounds[waiting[-1]][1] <= end:
            parents[waiting.pop()] = node
        waiting.append(node)
    depths = [0] * len(bounds)
    # In post-order, parents come after their children, so depths are known from the end.
    for node in reversed(range(len(bounds))):
        depths[node] = depths[parents[node]] + 1 if parents[node] >= 0 else 0
    middles = [(centres[start] + centres[end - 1]) / 2 for start, end in bounds]
    return [_Node(x, depth, parent) for x, depth, parent in zip(middles, depths, parents, strict=True)]


def _is_crossing(bounds: Sequence[tuple[int, int]]) -> bool:
    """Return whether branches cross: then, in post-order, the ends of spans sometimes fall."""
    return any(later < end for (_, end), (_, later) in pairwise(bounds))


def _line(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"/>'


def _box(x: float, y: float, label: str, confidence: float, *, below: str, is_wrong: bool) -> str:
    width = max(len(label) * _CHARACTER + 10, 22)
    place = f'x="{x - width / 2:.1f}" y="{y}" width="{width:.1f}" height="18"'
    look = ' class="error"' if is_wrong else ""
    box = f'<rect {place} rx="4"{look} fill-opacity="{0.15 + 0.85 * confidence:.2f}"/>'
    text = f'<text x="{x:.1f}" y="{y + 13}">{escaped(label)}</text>'
    return f'{box}{text}<text class="sure" x="{x:.1f}" y="{y + 30}" dy="-1">{escaped(below)}</text>'
