"""Column files: one token per line, columns separated by tabs or spaces, a blank line after each sequence."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, groupby, islice
from pathlib import Path
from statistics import mode
from typing import TypeAlias, final

import datasets

from seqlab.data.readers.base import Reader
from seqlab.data.readers.column_check import check_columns
from seqlab.data.readers.source import Report, Source, is_blank, split_spaces
from seqlab.data.readers.tags import TagConverter, Tagged
from seqlab.data.records import records_from_rows
from seqlab.errors import ConfigError

_Line: TypeAlias = tuple[int, str]
_Row: TypeAlias = tuple[int, list[str]]
_N_LINES_SNIFFED = 1000


@final
@dataclass(kw_only=True)
class ConllReader(Reader):
    """Reads column files such as those of CoNLL-2003 and WNUT.

    Args:
        columns: Record column -> index of the column in the file, from 0, or negative from the end (null: none); must
            have ``tokens``.
        separator: ``tab`` (exactly one), ``space`` (one or more), ``auto`` (tab if most lines have one, else space), or the
            separator itself.
        skip_docstart: Whether to skip ``-DOCSTART-`` lines.
        comment_prefix: Start of the lines to skip as comments; None if the file has no comments, so that ``#`` may be a token.
        scheme: Span scheme of the tags in the file, checked while reading; None: no check.
        target_scheme: Span scheme to convert the tags to; None: no conversion.
        repair: Whether records that break `scheme` are read leniently, as seqeval does, and encoded again; False: refused.
        check_columns: Whether to refuse tokens and tags that look as if they were in other columns: tags as varied as words,
            tags equal to the tokens, and columns that count 1, 2, 3.

    Raises:
        ConfigError: `columns` has no ``tokens``, `separator` is empty, or a scheme is unknown.
    """

    columns: dict[str, int | None] = field(default_factory=lambda: {"tokens": 0, "tags": -1})
    separator: str = "auto"
    skip_docstart: bool = True
    comment_prefix: str | None = None
    scheme: str | None = None
    target_scheme: str | None = None
    repair: bool = False
    check_columns: bool = True

    def __post_init__(self) -> None:
        self._columns = {name: index for name, index in self.columns.items() if index is not None}
        if "tokens" not in self._columns:
            raise ConfigError(f"columns is {self.columns}; expected an index for tokens, e.g. data.reader.columns.tokens=0")
        if not self.separator:
            raise ConfigError("separator is empty; expected auto, tab, space, or the separator itself")
        self._converter = TagConverter(scheme=self.scheme, target_scheme=self.target_scheme, repair=self.repair)

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        source = Source(path, report=report)
        records = records_from_rows(
            list(self._converter.converted(self._records(source), source=source)), names=("id", "line", *self._columns)
        )
        if self.check_columns:
            check_columns(records, source, setting="columns", columns=self._columns)
        return records

    def unread(self, path: Path) -> list[str]:
        blocks = self._blocks(Source(path).lines())
        width = _width(blocks, self._splitter(blocks))
        # indices from the end and from the start may name the same column
        read = {index % width for index in self._columns.values()}
        return [f"column {index} of {width}" for index in range(width) if index not in read]

    def _records(self, source: Source) -> Iterator[Tagged]:
        blocks = self._blocks(source.lines())
        if not blocks:
            source.fault(1, "the file holds no records; expected one token per line")
            return
        split = self._splitter(blocks)
        width = _width(blocks, split)
        if (reason := self._why_not_these_columns(width)) is not None:
            source.fault(blocks[0][0][0], reason)
            return
        for number, block in enumerate(self._without_comments(blocks, split, width=width, source=source), 1):
            rows = [(line, split(text)) for line, text in block]
            if self._are_sound(rows, width=width, source=source):
                cells = list(zip(*(row for _, row in rows), strict=True))
                record = {name: [value.strip(" ") for value in cells[index]] for name, index in self._columns.items()}
                record["tokens"] = list(cells[self._columns["tokens"]])  # spaces are part of a token in tab-separated files
                lines = [line for line, _ in rows]
                yield {"id": f"{source.path.stem}-{number}", "line": lines[0]} | record, lines

    def _why_not_these_columns(self, width: int) -> str | None:
        for name, index in self._columns.items():
            if not -width <= index < width:
                what = f"{name} is column {index} but lines have {width} column(s)"
                return f"{what}; set data.reader.columns.{name} or data.reader.separator"
        tokens, tags = self._columns["tokens"], self._columns.get("tags")
        if self.check_columns and tags is not None and tokens % width == tags % width:
            what = f"tokens and tags are the same column, {tokens % width} of {width}"
            change = "set data.reader.columns.tags to another (null: the file has no tags) or data.reader.separator"
            return f"{what}; {change}; data.reader.check_columns=false reads them as they are"
        return None

    def _without_comments(
        self, blocks: list[list[_Line]], split: Callable[[str], list[str]], *, width: int, source: Source
    ) -> list[list[_Line]]:
        """Return the blocks without lines that look like comments, reported as one fault."""
        odd = [line for block in blocks for line in block if line[1].startswith("#") and len(split(line[1])) != width]
        if not odd or self.comment_prefix is not None:
            return blocks
        what = f"{len(odd):,} line(s) start with `#` and do not have {width} columns, as most lines have: {odd[0][1]!r:.80}"
        change = """set 'data.reader.comment_prefix="#"'"""  # quoted for the shell and for Hydra, where # begins a comment
        source.fault(odd[0][0], f"{what}; if they are comments, {change}")
        numbers = {number for number, _ in odd}
        return [kept for block in blocks if (kept := [line for line in block if line[0] not in numbers])]

    def _blocks(self, lines: list[str]) -> list[list[_Line]]:
        groups = groupby(enumerate(lines, 1), key=lambda numbered: self._is_border(numbered[1]))
        bodies = (group for is_border, group in groups if not is_border)
        prefix = self.comment_prefix
        blocks = ([(i, line) for i, line in body if prefix is None or not line.startswith(prefix)] for body in bodies)
        return [block for block in blocks if block]

    def _is_border(self, line: str) -> bool:
        return is_blank(line) or (self.skip_docstart and line.startswith("-DOCSTART-"))

    def _splitter(self, blocks: list[list[_Line]]) -> Callable[[str], list[str]]:
        separator = self.separator
        if separator == "auto":
            separator = "tab" if mode("\t" in line for line in _first_lines(blocks)) else "space"
        if separator == "space":
            return split_spaces
        literal = "\t" if separator == "tab" else separator
        return lambda text: text.split(literal)

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


def _width(blocks: Iterable[list[_Line]], split: Callable[[str], list[str]]) -> int:
    """Return the number of columns that most lines have."""
    # not that of the first line, so that one damaged line is reported in place of all others
    return mode(len(split(line)) for line in _first_lines(blocks))


def _first_lines(blocks: Iterable[list[_Line]]) -> Iterator[str]:
    return (line for _, line in islice(chain.from_iterable(blocks), _N_LINES_SNIFFED))
