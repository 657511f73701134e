"""The structure of a report: sections of blocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias, final, runtime_checkable

Value: TypeAlias = str | int | float | bool | None
"""None leaves the cell empty."""
Kind: TypeAlias = Literal["text", "count", "number", "share"]
"""How a column shows its values: `share` as a percentage with a bar, `number` with four digits."""
Status: TypeAlias = Literal["right", "wrong", "missed", "spurious", "plain"]


class Paragraph(NamedTuple):
    """A few sentences; `is_note` marks those that explain how to read the rest."""

    text: str
    is_note: bool = False


class Column(NamedTuple):
    """The heading of a table column, and the format of its values."""

    name: str
    kind: Kind = "text"


class Table(NamedTuple):
    """Rows of values, sortable in HTML."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    caption: str = ""
    highlighted: Sequence[int] = ()
    """Indices of rows to emphasise."""


@runtime_checkable
class Chart(Protocol):
    """A picture of numbers; `seqlab.report.charts` has them."""

    def svg(self) -> str:
        """Draw the chart as an SVG element."""
        ...

    def table(self) -> Table:
        """Return the numbers of the chart."""
        ...


class Mark(NamedTuple):
    """A labelled span of a line, from `start` to `end` (exclusive)."""

    start: int
    end: int
    label: str
    status: Status


class Line(NamedTuple):
    """The tokens of a record with marks, such as gold spans. Marks may be nested."""

    name: str
    tokens: Sequence[str]
    marks: Sequence[Mark] = ()


class Example(NamedTuple):
    """One record."""

    id: str
    lines: Sequence[Line]
    note: str = ""
    chart: Chart | None = None


class Examples(NamedTuple):
    """Records one below the other; `left_out` describes those not shown."""

    items: Sequence[Example]
    left_out: str = ""


class Figure(NamedTuple):
    """A chart with a caption."""

    chart: Chart
    caption: str


class Picture(NamedTuple):
    """An SVG drawn elsewhere, with a caption; Markdown has only the caption."""

    svg: str
    caption: str


Block: TypeAlias = Paragraph | Table | Examples | Figure | Picture


# No named tuple like the others: those cannot hold items of their own type for checkers at run time.
@final
@dataclass(frozen=True)
class Section:
    """A title, blocks and subsections."""

    title: str
    blocks: Sequence[Block] = ()
    sections: "Sequence[Section]" = ()

    def walk(self, depth: int) -> "Iterator[tuple[int, Section]]":
        """Yield this section, at `depth`, and those below it in order, each with its depth."""
        yield depth, self
        for section in self.sections:
            yield from section.walk(depth + 1)


class Document(NamedTuple):
    """A report."""

    title: str
    sections: Sequence[Section]

    def walk(self) -> Iterator[tuple[int, Section]]:
        """Yield every section in order with its depth, starting at 1."""
        for section in self.sections:
            yield from section.walk(1)
