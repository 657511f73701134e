"""What a report is made of: sections of blocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, final

from seqlab.report.document.charts import Chart

Value: TypeAlias = str | int | float | bool | None
"""None: there is nothing to say."""
Kind: TypeAlias = Literal["text", "count", "number", "share"]
"""How values of a column are shown: `share` as percent with a bar, `number` with four digits."""
Status: TypeAlias = Literal["right", "wrong", "missed", "spurious", "plain"]


@final
@dataclass(frozen=True)
class Paragraph:
    """A few sentences; `is_note`: said of how to read the rest."""

    text: str
    is_note: bool = False


@final
@dataclass(frozen=True)
class Column:
    """The heading of a table's column, and how its values are shown."""

    name: str
    kind: Kind = "text"


@final
@dataclass(frozen=True)
class Table:
    """Rows of values; a reader of the page can sort them."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    caption: str = ""
    highlighted: Sequence[int] = ()
    """Rows to be seen first."""


@final
@dataclass(frozen=True)
class Mark:
    """Steps `start` to `end` (exclusive) of a line, and what is said of them."""

    start: int
    end: int
    label: str
    status: Status


@final
@dataclass(frozen=True)
class Line:
    """The tokens of a record with marks on them, such as those of gold; marks may lie in each other."""

    name: str
    tokens: Sequence[str]
    marks: Sequence[Mark]


@final
@dataclass(frozen=True)
class Example:
    """A record."""

    id: str
    lines: Sequence[Line]
    note: str = ""
    chart: Chart | None = None


@final
@dataclass(frozen=True)
class Examples:
    """Records one below the other; `left_out` says how many are not shown and where they are."""

    items: Sequence[Example]
    left_out: str = ""


@final
@dataclass(frozen=True)
class Figure:
    """A chart with its explanation."""

    chart: Chart
    caption: str


Block: TypeAlias = Paragraph | Table | Examples | Figure


@final
@dataclass(frozen=True)
class Section:
    """A title, blocks, and sections within."""

    title: str
    blocks: Sequence[Block] = ()
    sections: "Sequence[Section]" = field(default=())


@final
@dataclass(frozen=True)
class Document:
    """A report."""

    title: str
    sections: Sequence[Section]

    def walk(self) -> Iterator[tuple[int, Section]]:
        """Yield every section in order with its depth, from 1 on."""
        yield from _walk(self.sections, depth=1)


def _walk(sections: Sequence[Section], *, depth: int) -> Iterator[tuple[int, Section]]:
    for section in sections:
        yield depth, section
        yield from _walk(section.sections, depth=depth + 1)
