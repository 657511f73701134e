"""A report as Markdown: charts as tables, marks in brackets."""

import re
from collections.abc import Iterator

from seqlab.report.document.as_tables import as_table
from seqlab.report.document.model import Block, Document, Example, Examples, Figure, Line, Mark, Paragraph, Table
from seqlab.report.document.text import shown, visible

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!])")
_LETTERS = {"right": "", "plain": "", "wrong": "✗", "missed": "✗", "spurious": "✗"}


def as_markdown(document: Document) -> str:
    """Return the document; what stands in records is escaped."""
    lines = [f"# {_escaped(document.title)}"]
    for depth, section in document.walk():
        lines.append(f"{'#' * (depth + 1)} {_escaped(section.title)}")
        for block in section.blocks:
            lines += _block(block)
    return "\n\n".join(lines) + "\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(text, is_note):
            yield f"*{_escaped(text)}*" if is_note else _escaped(text)
        case Table():
            yield from _table(block)
        case Figure(chart, caption):
            yield f"*{_escaped(caption)}*"
            yield from _table(as_table(chart))
        case Examples(items, left_out):
            for example in items:
                yield from _example(example)
            if left_out:
                yield _escaped(left_out)


def _table(table: Table) -> Iterator[str]:
    if table.caption:
        yield f"*{_escaped(table.caption)}*"
    heading = [_escaped(column.name) for column in table.columns]
    rule = ["---" if column.kind == "text" else "--:" for column in table.columns]
    rows = [
        [_escaped(shown(value, column.kind)) for value, column in zip(row, table.columns, strict=True)] for row in table.rows
    ]
    if table.highlighted:
        rows = [
            [f"**{cell}**" if cell else "" for cell in row] if i in table.highlighted else row for i, row in enumerate(rows)
        ]
    yield "\n".join(f"| {' | '.join(row)} |" for row in (heading, rule, *rows))


def _example(example: Example) -> Iterator[str]:
    note = f": {_escaped(example.note)}" if example.note else ""
    lines = [f"- **{_escaped(example.id)}**{note}"]
    lines += [f"  - {_escaped(line.name)}: {_marked(line)}" for line in example.lines]
    yield "\n".join(lines)
    if example.chart is not None:
        yield from _table(as_table(example.chart))


def _marked(line: Line) -> str:
    """Return the tokens with `[` before and `]label` after each mark."""
    before: list[list[str]] = [[] for _ in range(len(line.tokens) + 1)]
    after: list[list[str]] = [[] for _ in range(len(line.tokens) + 1)]
    for mark in sorted(line.marks, key=lambda mark: (mark.start, -mark.end)):
        before[mark.start].append("\\[")
        after[mark.end].insert(0, _closing(mark))
    words = [f"{''.join(before[i])}{_escaped(token)}{''.join(after[i + 1])}" for i, token in enumerate(line.tokens)]
    return " ".join(words)


def _closing(mark: Mark) -> str:
    return f"\\]({_escaped(mark.label)}{_LETTERS[mark.status]})"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", visible(text)).replace("\\<", "&lt;").replace("\\&", "&amp;")
