"""Tables with one row per step: columns of numbers are its frame, another column has its tag."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias, final

import datasets

from seqlab.data.readers.base import Reader
from seqlab.data.readers.cells import DelimitedText
from seqlab.data.readers.parquet import is_parquet, parquet_names, parquet_rows
from seqlab.data.readers.source import Report, Source
from seqlab.data.readers.tags import TagConverter, Tagged
from seqlab.data.readers.values import number_of
from seqlab.data.records import records_from_rows
from seqlab.errors import ConfigError, DataError

_Row: TypeAlias = tuple[int, Mapping[str, Any]]


@final
@dataclass(kw_only=True)
class FramesReader(Reader):
    """Reads CSV, TSV or Parquet with one row per step, such as a day of weather.

    Args:
        frame_columns: Names of the columns with the numbers of a frame, in this order; other columns are not read.
        tag_column: Name of the column with the tag of each step; None if there are no tags.
        sequence_column: Name of a column whose value is the same in all rows of a sequence, and becomes its `id`; None: blank
            rows separate sequences.
        separator: Character between the columns of a text file, or ``auto``: a tab for .tsv files, else a comma.
        quote: Character around cells that contain separators; None: cells are never quoted.
        column_names: Names of the columns of a text file without a header row; None: the first row has them.
        scheme: Span scheme of the tags in the file, checked while reading; None: no check.
        target_scheme: Span scheme to convert the tags to; None: no conversion.
        repair: Whether records that break `scheme` are read leniently, as seqeval does, and encoded again; False: refused.

    Raises:
        ConfigError: `frame_columns` is empty, `separator` or `quote` is not a single character, or a scheme is unknown.
    """

    frame_columns: Sequence[str]
    tag_column: str | None = "tag"
    sequence_column: str | None = None
    separator: str = "auto"
    quote: str | None = '"'
    column_names: list[str] | None = None
    scheme: str | None = None
    target_scheme: str | None = None
    repair: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.frame_columns, str) or not self.frame_columns:
            what = f"frame_columns is {self.frame_columns!r}; expected a list of columns of numbers"
            raise ConfigError(f"{what}, e.g. data.reader.frame_columns=[temperature,pressure]")
        self._table = DelimitedText(separator=self.separator, quote=self.quote, fallback=",")
        self._converter = TagConverter(scheme=self.scheme, target_scheme=self.target_scheme, repair=self.repair)
        self._columns = dict.fromkeys(self.frame_columns, "frame_columns")
        for setting in ("tag_column", "sequence_column"):
            if (column := getattr(self, setting)) is not None:
                self._columns[column] = setting

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        source = Source(path, report=report)
        records = list(self._converter.converted(self._records(source), source=source))
        names = ["id", "line", "frames", *(["tags"] if self.tag_column else [])]
        return records_from_rows(records, names=names)

    def unread(self, path: Path) -> list[str]:
        source = Source(path)
        names = self.column_names or []
        if is_parquet(path):
            names = parquet_names(source)
        elif not names:
            names = next(self._table.rows(source, columns=self._columns))[1]
        return [f"column {name!r}" for name in names if name not in self._columns]

    def _rows(self, source: Source) -> Iterator[_Row]:
        if is_parquet(source.path):
            return parquet_rows(source, settings=self._columns)
        return self._table.records(source, settings=self._columns, header=self.column_names, keeps_blank=True)

    def _sequences(self, source: Source) -> Iterator[list[_Row]]:
        """Yield the rows of each sequence."""
        rows = self._rows(source)
        if self.sequence_column is None:
            groups = groupby(rows, key=lambda numbered: bool(numbered[1]))
        else:
            column = self.sequence_column
            groups = groupby((row for row in rows if row[1]), key=lambda numbered: numbered[1][column])
        yield from (list(group) for key, group in groups if key is not False)

    def _records(self, source: Source) -> Iterator[Tagged]:
        seen: set[str] = set()
        for number, rows in enumerate(self._sequences(source), 1):
            lines = [line for line, _ in rows]
            name = f"{source.path.stem}-{number}" if self.sequence_column is None else str(rows[0][1][self.sequence_column])
            if name in seen:
                what = f"{self.sequence_column} is {name!r}, as in rows before other sequences"
                source.fault(lines[0], f"{what}; expected the rows of a sequence one after another; sort the file")
                continue
            seen.add(name)
            record: dict[str, Any] = {"id": name, "line": lines[0]}
            steps: list[tuple[list[float], str]] = []
            for line, cells in rows:
                with source.skipping(line):
                    steps.append(self._step(cells))
            # a sequence with a faulty row is left out
            if len(steps) == len(rows):
                record["frames"] = [frame for frame, _ in steps]
                if self.tag_column is not None:
                    record["tags"] = [tag for _, tag in steps]
                yield record, lines

    def _step(self, cells: Mapping[str, Any]) -> tuple[list[float], str]:
        """Return the frame and the tag of a row (without tags: an empty string)."""
        frame = [number_of(cells[column], column=column) for column in self.frame_columns]
        tag = "" if self.tag_column is None else str(cells[self.tag_column]).strip()
        if self.tag_column is not None and not tag:
            raise DataError(f"{self.tag_column} is empty; expected a tag in each row, or set data.reader.tag_column=null")
        return frame, tag
