"""Write a report as Markdown: charts become tables, marks become brackets."""

import re
from collections.abc import Iterator

from seqlab.errors import visible
from seqlab.report.document.model import Block, Document, Example, Examples, Figure, Line, Paragraph, Picture, Table
from seqlab.report.document.text import shown

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!])")
_SIGNS = {"wrong": "✗", "missed": "✗", "spurious": "✗"}


def as_markdown(document: Document) -> str:
    """Return the report as Markdown, with text from records escaped."""
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
            yield from _table(chart.table())
        case Picture(_, caption):
            yield f"*{_escaped(caption)}*"
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
    rows = []
    for i, row in enumerate(table.rows):
        cells = [_escaped(shown(value, column.kind)) for value, column in zip(row, table.columns, strict=True)]
        # Asterisks around nothing would be shown as asterisks.
        rows.append([f"**{cell}**" if cell else "" for cell in cells] if i in table.highlighted else cells)
    yield "\n".join(f"| {' | '.join(row)} |" for row in (heading, rule, *rows))


def _example(example: Example) -> Iterator[str]:
    note = f": {_escaped(example.note)}" if example.note else ""
    lines = [f"- **{_escaped(example.id)}**{note}"]
    lines += [f"  - {_escaped(line.name)}: {_marked(line)}" for line in example.lines]
    yield "\n".join(lines)
    if example.chart is not None:
        yield from _table(example.chart.table())


def _marked(line: Line) -> str:
    """Return the tokens with each marked span in `[…](label)`."""
    before: list[list[str]] = [[] for _ in range(len(line.tokens) + 1)]
    after: list[list[str]] = [[] for _ in range(len(line.tokens) + 1)]
    # Outer marks come first, so their brackets open before and close after those of inner ones.
    for mark in sorted(line.marks, key=lambda mark: (mark.start, -mark.end)):
        before[mark.start].append("\\[")
        after[mark.end].insert(0, f"\\]({_escaped(mark.label)}{_SIGNS.get(mark.status, '')})")
    return " ".join(f"{''.join(before[i])}{_escaped(token)}{''.join(after[i + 1])}" for i, token in enumerate(line.tokens))


def _escaped(text: str) -> str:
    # Some renderers take HTML even where a backslash precedes it.
    return _SPECIAL.sub(r"\\\1", visible(text)).replace("\\<", "&lt;").replace("\\&", "&amp;")
