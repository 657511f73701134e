"""Render the marked tokens of a record as HTML."""

from collections.abc import Sequence

from seqlab.report.document.model import Line, Mark
from seqlab.report.document.text import escaped


def marked_line(line: Line) -> str:
    """Return the tokens as HTML, with nested marks; each token is isolated from the writing direction of its neighbours.

    HTML cannot nest marks that cross each other, so those follow after the line.
    """
    nested, crossing = _nested(line.marks)
    opening: list[list[Mark]] = [[] for _ in line.tokens]
    closing: list[list[Mark]] = [[] for _ in range(len(line.tokens) + 1)]
    for mark in nested:
        opening[mark.start].append(mark)
        closing[mark.end].insert(0, mark)
    words = []
    for i, token in enumerate(line.tokens):
        before = "".join(f'<mark class="{mark.status}">' for mark in opening[i])
        after = "".join(f"<small>{escaped(mark.label)}</small></mark>" for mark in closing[i + 1])
        words.append(f"{before}<bdi>{escaped(token)}</bdi>{after}")
    rest = [_apart(mark, line.tokens) for mark in crossing]
    return " ".join([*words, *rest])


def _nested(marks: Sequence[Mark]) -> tuple[list[Mark], list[Mark]]:
    nested, crossing, still_open = list[Mark](), list[Mark](), list[Mark]()
    for mark in sorted(marks, key=lambda mark: (mark.start, -mark.end)):
        # Marks that end before this one cannot enclose it.
        while still_open and still_open[-1].end <= mark.start:
            still_open.pop()
        # Marks are sorted by start, so one that ends after its enclosing mark crosses it.
        if mark.end <= mark.start or (still_open and still_open[-1].end < mark.end):
            crossing.append(mark)
        else:
            nested.append(mark)
            still_open.append(mark)
    return nested, crossing


def _apart(mark: Mark, tokens: Sequence[str]) -> str:
    words = " ".join(f"<bdi>{escaped(token)}</bdi>" for token in tokens[mark.start : mark.end])
    return f'· <mark class="{mark.status}">{words}<small>{escaped(mark.label)}</small></mark>'
