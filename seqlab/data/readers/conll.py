"""Column files: one token a line, its columns apart by tabs or spaces, a blank line after each sequence."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from statistics import mode
from typing import TypeAlias, final

import datasets

from seqlab.data.readers.base import Reader
from seqlab.data.readers.source import Report, Source, is_blank, refuse, split_spaces
from seqlab.data.readers.tags import TagConverter
from seqlab.data.records import Columns, records_from_columns
from seqlab.errors import ConfigError

_Line: TypeAlias = tuple[int, str]
_Row: TypeAlias = tuple[int, list[str]]
_N_LINES_SNIFFED = 1000


@final
class ConllReader(Reader):
    """Reads CoNLL-2003, WNUT and the like.

    `columns` maps record columns to column indices from 0, negative ones from the end. `separator` is auto (tabs if
    most lines have one, else spaces), tab (exactly one), space (a run of them), or the separator itself. Lines that
    start with `comment_prefix` are left out (None: there are no comments, `#` may start a token). Tags in `scheme`
    are checked, and converted to `target_scheme` where that is not None.
    """

    def __init__(
        self,
        *,
        columns: dict[str, int],
        separator: str,
        skip_docstart: bool,
        comment_prefix: str | None,
        scheme: str | None,
        target_scheme: str | None,
    ) -> None:
        if "tokens" not in columns:
            raise ConfigError(f"columns is {columns}; expected an index for tokens, e.g. data.reader.columns.tokens=0")
        if not separator:
            raise ConfigError("separator is empty; expected auto, tab, space, or the separator itself")
        self._columns = columns
        self._separator = separator
        self._skip_docstart = skip_docstart
        self._comment_prefix = comment_prefix
        self._converter = TagConverter(scheme=scheme, target_scheme=target_scheme)

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        source = Source(path, report=report)
        blocks = list(self._blocks(source.lines()))
        columns: Columns = {name: [] for name in ("id", "line", *self._columns)}
        if not blocks:
            source.fault(1, "the file holds no records; expected one token a line")
            return records_from_columns(columns)
        split = self._splitter(blocks)
        width = _width(blocks, split)
        if not self._columns_fit(width, line=blocks[0][0][0], source=source):
            return records_from_columns(columns)
        for number, block in enumerate(blocks, 1):
            rows = [(line, split(text)) for line, text in block]
            if self._rows_sound(rows, width=width, source=source):
                self._append(rows, columns=columns, record_id=f"{path.stem}-{number}", source=source)
        return records_from_columns(columns)

    def unread(self, path: Path) -> list[str]:
        blocks = list(self._blocks(Source(path, report=refuse).lines()))
        width = _width(blocks, self._splitter(blocks))
        read = {index % width for index in self._columns.values()}
        return [f"column {index} of {width}" for index in range(width) if index not in read]

    def _blocks(self, lines: list[str]) -> Iterator[list[_Line]]:
        block: list[_Line] = []
        for numbered in enumerate(lines, 1):
            line = numbered[1]
            if is_blank(line) or (self._skip_docstart and line.startswith("-DOCSTART-")):
                if block:
                    yield block
                block = []
            elif self._comment_prefix is None or not line.startswith(self._comment_prefix):
                block.append(numbered)
        if block:
            yield block

    def _splitter(self, blocks: list[list[_Line]]) -> Callable[[str], list[str]]:
        separator = self._separator
        if separator == "auto":
            separator = "tab" if mode("\t" in line for line in _first_lines(blocks)) else "space"
        if separator == "space":
            return split_spaces
        literal = "\t" if separator == "tab" else separator
        return lambda text: text.split(literal)

    def _columns_fit(self, width: int, *, line: int, source: Source) -> bool:
        for name, index in self._columns.items():
            if not -width <= index < width:
                what = f"{name} is column {index} but lines have {width} column(s)"
                source.fault(line, f"{what}; set data.reader.columns.{name} or data.reader.separator")
                return False
        return True

    def _rows_sound(self, rows: list[_Row], *, width: int, source: Source) -> bool:
        is_sound = True
        for line, cells in rows:
            if len(cells) != width:
                source.fault(line, f"{len(cells)} column(s); expected {width} as on the file's other lines: {cells}")
                is_sound = False
                continue
            for name, index in self._columns.items():
                if not cells[index]:
                    source.fault(line, f"{name} (column {index}) is empty; expected a value in each column read")
                    is_sound = False
        return is_sound

    def _append(self, rows: list[_Row], *, columns: Columns, record_id: str, source: Source) -> None:
        cells = list(zip(*(row for _, row in rows), strict=True))
        record = {name: [value.strip(" ") for value in cells[index]] for name, index in self._columns.items()}
        record["tokens"] = list(cells[self._columns["tokens"]])
        if "tags" in record:
            tags = self._converter.convert(record["tags"], lines=[line for line, _ in rows], source=source)
            if tags is None:
                return
            record["tags"] = tags
        columns["id"].append(record_id)
        columns["line"].append(rows[0][0])
        for name, values in record.items():
            columns[name].append(values)


def _width(blocks: Iterable[list[_Line]], split: Callable[[str], list[str]]) -> int:
    """Return the number of columns that most lines have."""
    return mode(len(split(line)) for line in _first_lines(blocks))


def _first_lines(blocks: Iterable[list[_Line]]) -> Iterator[str]:
    return (line for _, line in islice(chain.from_iterable(blocks), _N_LINES_SNIFFED))
