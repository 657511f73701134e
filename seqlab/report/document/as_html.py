"""Write a report as one self-contained HTML file."""

from seqlab.report.document.markup import marked_line
from seqlab.report.document.model import (
    Block,
    Column,
    Document,
    Example,
    Examples,
    Figure,
    Paragraph,
    Picture,
    Section,
    Table,
    Value,
)
from seqlab.report.document.page import SORTING, STYLE
from seqlab.report.document.text import escaped, shown
from seqlab.report.drawing import draw

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""A second line of defence behind the escaping: the browser loads nothing from elsewhere. Heat maps are embedded images."""


def as_html(document: Document) -> str:
    """Return the report as an HTML page."""
    sections = list(document.walk())
    contents = "".join(
        f'<li class="depth{depth}"><a href="#s{i}">{escaped(section.title)}</a></li>'
        for i, (depth, section) in enumerate(sections)
        if depth <= 2
    )
    body = "\n".join(_section(section, depth=depth, number=i) for i, (depth, section) in enumerate(sections))
    title = escaped(document.title)
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n"
        f'<nav aria-label="Contents"><ul>{contents}</ul></nav>\n<main>\n{body}\n</main>\n'
        f"<script>{SORTING}</script>\n</body>\n</html>\n"
    )


def _section(section: Section, *, depth: int, number: int) -> str:
    level = min(6, depth + 1)
    return "\n".join([f'<h{level} id="s{number}">{escaped(section.title)}</h{level}>', *map(_block, section.blocks)])


def _block(block: Block) -> str:
    match block:
        case Paragraph(text, is_note):
            return f'<p class="{"note" if is_note else "text"}">{escaped(text)}</p>'
        case Table():
            return _table(block)
        case Figure(chart, caption):
            return _figure(draw(chart), caption, kind="fluid" if chart.is_fluid else "fixed")
        case Picture(content, caption):
            return _figure(content, caption, kind="fixed")
        case Examples(items, left_out):
            end = f'<p class="note">{escaped(left_out)}</p>' if left_out else ""
            return "".join(map(_example, items)) + end


def _figure(picture: str, caption: str, *, kind: str) -> str:
    return f'<figure class="{kind}"><div class="wide">{picture}</div><figcaption>{escaped(caption)}</figcaption></figure>'


def _table(table: Table) -> str:
    caption = f"<caption>{escaped(table.caption)}</caption>" if table.caption else ""
    heading = "".join(f'<th scope="col" class="{column.kind}">{escaped(column.name)}</th>' for column in table.columns)
    rows = []
    for i, row in enumerate(table.rows):
        look = ' class="first"' if i in table.highlighted else ""
        cells = "".join(_cell(value, column) for value, column in zip(row, table.columns, strict=True))
        rows.append(f"<tr{look}>{cells}</tr>")
    body = f"<thead><tr>{heading}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="wide"><table>{caption}{body}</table></div>'


def _cell(value: Value, column: Column) -> str:
    sort = f' data-value="{value!r}"' if isinstance(value, int | float) and not isinstance(value, bool) else ""
    text = escaped(shown(value, column.kind))
    content = f"<bdi>{text}</bdi>" if column.kind == "text" else text
    if column.kind == "share" and isinstance(value, int | float):
        width = min(100.0, max(0.0, 100 * value))
        content = f'<span class="meter"><span style="width:{width:.1f}%"></span></span><span class="value">{content}</span>'
    return f'<td class="{column.kind}"{sort}>{content}</td>'


def _example(example: Example) -> str:
    note = f" <span>{escaped(example.note)}</span>" if example.note else ""
    lines = "".join(f'<div class="line"><b>{escaped(line.name)}</b><p>{marked_line(line)}</p></div>' for line in example.lines)
    chart = f'<div class="wide">{draw(example.chart)}</div>' if example.chart is not None else ""
    return f"<article><h5><bdi>{escaped(example.id)}</bdi>{note}</h5>{lines}{chart}</article>"
