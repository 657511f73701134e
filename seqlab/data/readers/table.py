"""Tables with a text and a label per row (CSV, TSV and Parquet), or with frames and tags (Parquet)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import datasets

from seqlab.data.readers.base import Reader
from seqlab.data.readers.cells import DelimitedText
from seqlab.data.readers.column_check import check_columns
from seqlab.data.readers.parquet import is_parquet, parquet_names, parquet_rows
from seqlab.data.readers.source import Report, Source, split_labels
from seqlab.data.readers.text import text_columns
from seqlab.data.readers.values import check_lengths, checked, of_one_width
from seqlab.data.records import records_from_rows
from seqlab.errors import DataError


@final
@dataclass(kw_only=True)
class TableReader(Reader):
    """Reads one text and its label from each row, and tokenizes the text.

    Files that end in .parquet or .pq are read as Parquet: class labels become their names, and `line` is the row number.
    Without texts, they may have frames, a list of lists of numbers per row, with tags and a label. All other files are
    read as delimited text.

    Args:
        text_column: Name of the column with the text.
        label_column: Name of the column with the label; None if there are no labels.
        frames_column: Name of the column with frames, for Parquet without `text_column`.
        tags_column: Name of the column with a tag per frame, if there are any.
        label_separator: Separator of the labels of multi-label data, which become a list; None: one label per row.
        separator: Character between the columns of a text file, or ``auto``: a tab for .tsv files, else a comma.
        quote: Character around cells that contain separators or line breaks; None: cells are never quoted.
        column_names: Names of the columns of a text file without a header row; None: the first row has them.
        check_columns: Whether to refuse texts and labels that look as if they were in each other's columns: labels that hardly
            repeat, texts that do.

    Raises:
        ConfigError: `separator` or `quote` is not a single character.
    """

    text_column: str = "text"
    label_column: str | None = "label"
    frames_column: str = "frames"
    tags_column: str = "tags"
    label_separator: str | None = None
    separator: str = "auto"
    quote: str | None = '"'
    column_names: list[str] | None = None
    check_columns: bool = True

    def __post_init__(self) -> None:
        self._table = DelimitedText(separator=self.separator, quote=self.quote, fallback=",")
        self._columns = {self.text_column: "text_column"}
        if self.label_column is not None:
            self._columns[self.label_column] = "label_column"

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        source = Source(path, report=report)
        if is_parquet(path):
            rows = parquet_rows(source, settings=self._columns_of(parquet_names(source)))
        else:
            rows = self._table.records(source, settings=self._columns, header=self.column_names)
        records = []
        for number, (line, row) in enumerate(rows, 1):
            with source.skipping(line):
                records.append({"id": f"{path.stem}-{number}", "line": line} | self._record(row))
        found = records_from_rows(list(of_one_width(records, source=source)))
        if self.check_columns:
            columns = {setting.removesuffix("_column"): column for column, setting in self._columns.items()}
            check_columns(found, source, setting="text_column and data.reader.label_column", columns=columns)
        return found

    def _columns_of(self, names: Sequence[str]) -> dict[str, str]:
        """Return the columns to read of those of a Parquet file: texts and labels, or else frames and what labels them."""
        if self.text_column in names or self.frames_column not in names:
            return self._columns
        settings = {self.frames_column: "frames_column", self.tags_column: "tags_column", **self._columns}
        return {column: setting for column, setting in settings.items() if column in names}

    def _record(self, row: Mapping[str, Any]) -> dict[str, Any]:
        if self.text_column not in row:
            return self._framed(row)
        for column, name in self._columns.items():
            if row[column] == "":
                raise DataError(f"{name.removesuffix('_column')} is empty; expected one in each row")
        record = text_columns(checked("text", row[self.text_column], key=self.text_column))
        if self.label_column is not None:
            label = checked("label", row[self.label_column], key=self.label_column, setting="data.reader.label_column")
            record["label"] = split_labels(label, self.label_separator) if isinstance(label, str) else label
        return record

    def _framed(self, row: Mapping[str, Any]) -> dict[str, Any]:
        columns = {"frames": self.frames_column, "tags": self.tags_column, "label": self.label_column}
        record = {
            name: checked(name, row[column], key=column, setting=f"data.reader.{name}_column")
            for name, column in columns.items()
            if column is not None and column in row
        }
        check_lengths(record)
        return record

    def unread(self, path: Path) -> list[str]:
        if is_parquet(path):
            names = parquet_names(Source(path))
            return [f"column {name!r}" for name in names if name not in self._columns_of(names)]
        names = self.column_names or next(self._table.rows(Source(path), columns=self._columns))[1]
        return [f"column {name!r}" for name in names if name not in self._columns]
