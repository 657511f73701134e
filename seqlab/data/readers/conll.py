"""Column files: one token per line, columns separated by tabs or spaces, a blank line after each sequence."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby, islice
from pathlib import Path
from statistics import mode
from typing import Any, TypeAlias, final

import datasets

from seqlab.data.readers.base import Reader
from seqlab.data.readers.source import Report, Source, is_blank, refuse, split_spaces
from seqlab.data.readers.tags import TagConverter
from seqlab.data.records import records_from_rows
from seqlab.errors import ConfigError

_Line: TypeAlias = tuple[int, str]
_Row: TypeAlias = tuple[int, list[str]]
_N_LINES_SNIFFED = 1000


@final
class ConllReader(Reader):
    """Reads column files such as those of CoNLL-2003 and WNUT.

    Args:
        columns: Record column -> index of the column in the file, from 0, or negative from the end; must have ``tokens``.
        separator: ``tab`` (exactly one), ``space`` (one or more), ``auto`` (tab if most lines have one, else space), or the
            separator itself.
        skip_docstart: Whether to skip ``-DOCSTART-`` lines.
        comment_prefix: Start of the lines to skip as comments; None if the file has no comments, so that ``#`` may be a token.
        scheme: Span scheme of the tags in the file, checked while reading; None: no check.
        target_scheme: Span scheme to convert the tags to; None: no conversion.

    Raises:
        ConfigError: `columns` has no ``tokens``, `separator` is empty, or a scheme is unknown.
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
        records = list(self._records(Source(path, report=report)))
        return records_from_rows(records, names=("id", "line", *self._columns))

    def unread(self, path: Path) -> list[str]:
        blocks = self._blocks(Source(path, report=refuse).lines())
        width = _width(blocks, self._splitter(blocks))
        read = {index % width for index in self._columns.values()}
        return [f"column {index} of {width}" for index in range(width) if index not in read]

    def _records(self, source: Source) -> Iterator[dict[str, Any]]:
        blocks = self._blocks(source.lines())
        if not blocks:
            source.fault(1, "the file holds no records; expected one token per line")
            return
        split = self._splitter(blocks)
        width = _width(blocks, split)
        if not self._columns_fit(width, line=blocks[0][0][0], source=source):
            return
        for number, block in enumerate(blocks, 1):
            rows = [(line, split(text)) for line, text in block]
            if self._are_sound(rows, width=width, source=source):
                record = self._record(rows, source=source)
                if record is not None:
                    yield {"id": f"{source.path.stem}-{number}", "line": rows[0][0]} | record

    def _blocks(self, lines: list[str]) -> list[list[_Line]]:
        groups = groupby(enumerate(lines, 1), key=lambda numbered: self._is_border(numbered[1]))
        bodies = (group for is_border, group in groups if not is_border)
        blocks = ([(number, line) for number, line in body if not self._is_comment(line)] for body in bodies)
        return [block for block in blocks if block]

    def _is_border(self, line: str) -> bool:
        return is_blank(line) or (self._skip_docstart and line.startswith("-DOCSTART-"))

    def _is_comment(self, line: str) -> bool:
        return self._comment_prefix is not None and line.startswith(self._comment_prefix)

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

    def _are_sound(self, rows: list[_Row], *, width: int, source: Source) -> bool:
        is_sound = True
        for line, cells in rows:
            if len(cells) != width:
                source.fault(line, f"{len(cells)} column(s); expected {width}, as most lines have: {cells}")
                is_sound = False
                continue
            for name, index in self._columns.items():
                if not cells[index]:
                    source.fault(line, f"{name} (column {index}) is empty; expected a value in each column read")
                    is_sound = False
        return is_sound

    def _record(self, rows: list[_Row], *, source: Source) -> dict[str, list[str]] | None:
        """Return the columns of one sequence; None if its tags break the scheme."""
        cells = list(zip(*(row for _, row in rows), strict=True))
        record = {name: [value.strip(" ") for value in cells[index]] for name, index in self._columns.items()}
        record["tokens"] = list(cells[self._columns["tokens"]])  # spaces are part of a token in tab-separated files
        if "tags" in record:
            tags = self._converter.convert(record["tags"], lines=[line for line, _ in rows], source=source)
            return None if tags is None else record | {"tags": tags}
        return record


def _width(blocks: Iterable[list[_Line]], split: Callable[[str], list[str]]) -> int:
    """Return the number of columns that most lines have."""
    # not that of the first line, so that one damaged line is reported in place of all others
    return mode(len(split(line)) for line in _first_lines(blocks))


def _first_lines(blocks: Iterable[list[_Line]]) -> Iterator[str]:
    return (line for _, line in islice(chain.from_iterable(blocks), _N_LINES_SNIFFED))
