"""The structure of a report: sections of blocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

from seqlab.report.document.charts import Chart

Value: TypeAlias = str | int | float | bool | None
"""None leaves the cell empty."""
Kind: TypeAlias = Literal["text", "count", "number", "share"]
"""How a column shows its values: `share` as a percentage with a bar, `number` with four digits."""
Status: TypeAlias = Literal["right", "wrong", "missed", "spurious", "plain"]


@final
@dataclass(frozen=True)
class Paragraph:
    """A few sentences; `is_note` marks those that explain how to read the rest."""

    text: str
    is_note: bool = False


@final
@dataclass(frozen=True)
class Column:
    """The heading of a table column, and the format of its values."""

    name: str
    kind: Kind = "text"


@final
@dataclass(frozen=True)
class Table:
    """Rows of values, sortable in HTML."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    caption: str = ""
    highlighted: Sequence[int] = ()
    """Indices of rows to emphasise."""


@final
@dataclass(frozen=True)
class Mark:
    """A labelled span of a line, from `start` to `end` (exclusive)."""

    start: int
    end: int
    label: str
    status: Status


@final
@dataclass(frozen=True)
class Line:
    """The tokens of a record with marks, such as gold spans. Marks may be nested."""

    name: str
    tokens: Sequence[str]
    marks: Sequence[Mark]


@final
@dataclass(frozen=True)
class Example:
    """One record."""

    id: str
    lines: Sequence[Line]
    note: str = ""
    chart: Chart | None = None


@final
@dataclass(frozen=True)
class Examples:
    """Records one below the other; `left_out` describes those not shown."""

    items: Sequence[Example]
    left_out: str = ""


@final
@dataclass(frozen=True)
class Figure:
    """A chart with a caption."""

    chart: Chart
    caption: str


@final
@dataclass(frozen=True)
class Picture:
    """An SVG drawn elsewhere, with a caption; Markdown has only the caption."""

    svg: str
    caption: str


Block: TypeAlias = Paragraph | Table | Examples | Figure | Picture


@final
@dataclass(frozen=True)
class Section:
    """A title, blocks and subsections."""

    title: str
    blocks: Sequence[Block] = ()
    sections: "Sequence[Section]" = ()


@final
@dataclass(frozen=True)
class Document:
    """A report."""

    title: str
    sections: Sequence[Section]

    def walk(self) -> Iterator[tuple[int, Section]]:
        """Yield every section in order with its depth, starting at 1."""
        yield from _walk(self.sections, depth=1)


def _walk(sections: Sequence[Section], *, depth: int) -> Iterator[tuple[int, Section]]:
    for section in sections:
        yield depth, section
        yield from _walk(section.sections, depth=depth + 1)
