"""Read rows of CSV and TSV files to label, as they come."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from seqlab.data.formats.layout import header_separator
from seqlab.errors import DataError, shortened
from seqlab.inference.inputs import Chunk, LineFormat
from seqlab.inference.lines import Line, without_mark
from seqlab.inference.tables import TableColumns, TableFormat


@final
@dataclass(kw_only=True)
class CsvFormat(TableFormat, LineFormat):
    """Delimited text with a header.

    Args:
        table: The columns to read.
        separator: The character between cells, or ``auto``: that of the extension, else the one that splits the header.
        quote: The character around cells that contain separators or line breaks; None if cells are never quoted.
        column_names: Names of the columns of a file without a header row; None: the first row has them.
    """

    table: TableColumns
    separator: str = "auto"
    quote: str | None = '"'
    column_names: Sequence[str] | None = None

    def chunks(self, lines: Iterable[list[Line]], *, name: str) -> Iterator[Chunk]:
        """Yield the rows that each chunk of lines completes."""
        source = _CellLines(lines)
        first = source.peek()
        if first is None:
            return
        rows = _rows(source, separator=self._separator(first, name=name), quote=self.quote, name=name)
        start, header = (1, list(self.column_names)) if self.column_names else next(rows, (1, []))
        columns = self.table.found(header, where=f"{name}:{start}")
        waiting: list[tuple[int, Mapping[str, Any]]] = []
        for number, cells in rows:
            if len(cells) != len(header):
                raise DataError(
                    f"{name}:{number}: " + shortened(f"{len(cells)} column(s); expected {len(header)}, as {header}")
                )
            waiting.append((number, _row(header, cells)))
            # Rows leave when a chunk ends, not one by one, so that the model gets full batches and a slow pipe still gets
            # answers.
            if source.is_chunk_done:
                yield self._chunk(waiting, columns, name=name)
                waiting = []
        if waiting:
            yield self._chunk(waiting, columns, name=name)

    def _separator(self, first: str, *, name: str) -> str:
        if self.separator != "auto":
            return self.separator
        said = {".csv": ",", ".tsv": "\t"}.get(name[-4:].lower())
        return said if said is not None and said in first else header_separator(first) or ","


def _row(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    row: dict[str, str] = {}
    for column, cell in zip(header, cells, strict=True):
        row.setdefault(column, cell)  # of columns with the same name the first counts, as in training
    return row


@final
@dataclass
class _CellLines:
    """The lines of a CSV file, which may be parts of a quoted cell; knows where a chunk of the stream ends."""

    chunks: Iterable[list[Line]]
    is_chunk_done: bool = False
    _waiting: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lines = self._read()

    def peek(self) -> str | None:
        """Return the first line without taking it; None if there is none."""
        self._waiting = [line for line in [next(self._lines, None)] if line is not None]
        return self._waiting[0] if self._waiting else None

    def __iter__(self) -> Iterator[str]:
        yield from self._waiting
        yield from self._lines

    def _read(self) -> Iterator[str]:
        for chunk in self.chunks:
            for i, line in enumerate(chunk, 1):
                self.is_chunk_done = i == len(chunk)
                yield f"{without_mark(line)}\n"


def _rows(lines: Iterable[str], *, separator: str, quote: str | None, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not empty, with the number of its first line."""
    if quote is None:
        reader = csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE, strict=True)
    else:
        reader = csv.reader(lines, delimiter=separator, quotechar=quote, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{name}:{number}: row cannot be read: {error}; check its quotes") from None
        if cells:
            yield number, cells
