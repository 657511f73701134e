"""Tables with a text and a label per row: CSV, TSV and Parquet."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import datasets
import pyarrow as pa
import pyarrow.parquet

from seqlab.data.readers.base import Reader
from seqlab.data.readers.cells import DelimitedText, has_columns
from seqlab.data.readers.column_check import check_columns
from seqlab.data.readers.source import Report, Source, split_labels
from seqlab.data.readers.text import text_columns
from seqlab.data.readers.values import checked
from seqlab.data.records import records_from_rows
from seqlab.errors import DataError


@final
@dataclass(kw_only=True)
class TableReader(Reader):
    """Reads one text and its label from each row, and tokenizes the text.

    Files that end in .parquet are read as Parquet: class labels become their names, and `line` is the row number. All
    other files are read as delimited text.

    Args:
        text_column: Name of the column with the text.
        label_column: Name of the column with the label; None if there are no labels.
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
    label_separator: str | None = None
    separator: str = "auto"
    quote: str | None = '"'
    column_names: list[str] | None = None
    check_columns: bool = True

    def __post_init__(self) -> None:
        self._table = DelimitedText(separator=self.separator, quote=self.quote, fallback=",")
        self._columns = {"text_column": self.text_column}
        if self.label_column is not None:
            self._columns["label_column"] = self.label_column

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        source = Source(path, report=report)
        if path.suffix == ".parquet":
            rows = self._parquet_rows(source)
        else:
            rows = self._table.records(source, settings=self._columns, header=self.column_names)
        records = []
        for number, (line, row) in enumerate(rows, 1):
            with source.skipping(line):
                records.append({"id": f"{path.stem}-{number}", "line": line} | self._record(row))
        found = records_from_rows(records)
        if self.check_columns:
            columns = {name.removesuffix("_column"): column for name, column in self._columns.items()}
            check_columns(found, source, setting="text_column and data.reader.label_column", columns=columns)
        return found

    def _record(self, row: Mapping[str, Any]) -> dict[str, Any]:
        for name, column in self._columns.items():
            if row[column] == "":
                raise DataError(f"{name.removesuffix('_column')} is empty; expected one in each row")
        record = text_columns(checked("text", row[self.text_column], key=self.text_column))
        if self.label_column is not None:
            label = checked("label", row[self.label_column], key=self.label_column, setting="data.reader.label_column")
            record["label"] = split_labels(label, self.label_separator) if isinstance(label, str) else label
        return record

    def unread(self, path: Path) -> list[str]:
        if path.suffix == ".parquet":
            names = pyarrow.parquet.read_schema(path).names
        else:
            names = self.column_names or next(self._table.rows(Source(path), columns=self._columns.values()))[1]
        return [f"column {name!r}" for name in names if name not in self._columns.values()]

    def _parquet_rows(self, source: Source) -> Iterator[tuple[int, Mapping[str, Any]]]:
        try:
            # the schema alone first: it is small, and says whether the columns exist before any data are read
            schema = pyarrow.parquet.read_schema(source.path)
            if not has_columns(schema.names, self._columns, line=1, source=source):
                return
            table = pyarrow.parquet.read_table(source.path, columns=list(self._columns.values()))
            columns = {name: _values(table.column(name).to_pylist(), schema, name) for name in table.column_names}
        except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
            raise DataError(f"{source.path}: cannot be read as Parquet: {error}") from error
        if not table.num_rows:
            source.fault(1, "the file holds no records; expected one record per row")
        for number, values in enumerate(zip(*columns.values(), strict=True), 1):
            yield number, dict(zip(columns, values, strict=True))


def _values(values: list[Any], schema: pa.Schema, column: str) -> list[Any]:
    """Return `values` with strings for scalars: the names of class labels, and an empty string for null."""
    # `datasets` keeps the names of class labels in the metadata of the schema
    feature = datasets.Features.from_arrow_schema(schema)[column]
    if isinstance(feature, datasets.ClassLabel):
        return ["" if value is None or value < 0 else feature.int2str(value) for value in values]
    # other kinds are refused row by row
    return ["" if value is None else value if isinstance(value, list | dict | bytes) else str(value) for value in values]
