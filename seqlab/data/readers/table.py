"""Tables of texts and labels: CSV, TSV and Parquet."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

import datasets
import pyarrow as pa
import pyarrow.parquet

from seqlab.data.readers.base import Reader
from seqlab.data.readers.cells import check_characters, text_rows
from seqlab.data.readers.source import Report, Source, refuse
from seqlab.data.readers.text import text_columns
from seqlab.data.records import records_from_columns
from seqlab.errors import DataError


@final
class TableReader(Reader):
    """Reads a text and a label a row; the text is tokenized.

    Files that end in .parquet are Parquet, whose class labels become names (`line` is then the row); all others are
    text, columns apart by `separator` (auto: a tab for .tsv, else a comma), cells with separators or line ends in
    `quote` (None: no quoting). `column_names` names the columns of a file without a header. `label_column` None: no
    labels. Labels apart by `label_separator`, where not None, become a list.
    """

    def __init__(
        self,
        *,
        text_column: str,
        label_column: str | None,
        label_separator: str | None,
        separator: str,
        quote: str | None,
        column_names: list[str] | None,
    ) -> None:
        check_characters(separator=separator, quote=quote)
        self._text_column = text_column
        self._label_column = label_column
        self._label_separator = label_separator
        self._separator = separator
        self._quote = quote
        self._column_names = column_names

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        source = Source(path, report=report)
        rows = self._parquet_rows(source) if path.suffix == ".parquet" else self._text_rows(source)
        records = []
        for number, (line, text, label) in enumerate(rows, 1):
            if not text or label == "":
                source.fault(line, f"{'label' if text else 'text'} is empty; expected one in each row")
                continue
            record: dict[str, Any] = {"id": f"{path.stem}-{number}", "line": line} | text_columns(text)
            records.append(record if label is None else record | {"label": self._label(label)})
        names = list(records[0]) if records else ["id", "line", "tokens"]
        return records_from_columns({name: [record[name] for record in records] for name in names})

    def unread(self, path: Path) -> list[str]:
        source = Source(path, report=refuse)
        if path.suffix == ".parquet":
            names = pyarrow.parquet.read_schema(path).names
        else:
            names = self._column_names or next(text_rows(source, separator=self._separator, quote=self._quote))[1]
        return [f"column {name!r}" for name in names if name not in (self._text_column, self._label_column)]

    def _label(self, label: str) -> str | list[str]:
        return label if self._label_separator is None else [part.strip(" ") for part in label.split(self._label_separator)]

    def _text_rows(self, source: Source) -> Iterator[tuple[int, str, str | None]]:
        rows = text_rows(source, separator=self._separator, quote=self._quote)
        line, header = (0, self._column_names) if self._column_names else next(rows, (1, None))
        if header is None:
            source.fault(1, "the file is empty; expected a header and a row a record")
            return
        wanted = self._wanted(header, source=source, line=line or 1)
        n_rows = 0
        for line, cells in rows:
            n_rows += 1
            if len(cells) != len(header):
                source.fault(line, f"{len(cells)} column(s); expected {len(header)}, as {header}")
            elif wanted is not None:
                yield line, cells[wanted[0]], None if self._label_column is None else cells[wanted[-1]]
        if not n_rows:
            source.fault(line or 1, "the file holds no records below its header; expected a row a record")

    def _wanted(self, names: list[str], *, source: Source, line: int) -> list[int] | None:
        wanted = [name for name in (self._text_column, self._label_column) if name is not None]
        for setting, name in zip(("text_column", "label_column"), wanted, strict=False):
            if name not in names:
                source.fault(line, f"no column {name!r} among {names}; set data.reader.{setting}")
                return None
        return [names.index(name) for name in wanted]

    def _parquet_rows(self, source: Source) -> Iterator[tuple[int, str, str | None]]:
        try:
            schema = pyarrow.parquet.read_schema(source.path)
            wanted = self._wanted(schema.names, source=source, line=1)
            if wanted is None:
                return
            table = pyarrow.parquet.read_table(source.path, columns=[schema.names[index] for index in wanted])
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"{source.path}: cannot be read as Parquet: {error}") from error
        if not table.num_rows:
            source.fault(1, "the file holds no records; expected a row a record")
        columns = [_names(table.column(name).to_pylist(), schema, name) for name in table.column_names]
        labels = columns[1] if len(columns) > 1 else [None] * table.num_rows
        yield from zip(range(1, table.num_rows + 1), columns[0], labels, strict=True)


def _names(values: list[Any], schema: pa.Schema, column: str) -> list[str]:
    """Return `values` as strings: class labels by name, nulls empty."""
    feature = datasets.Features.from_arrow_schema(schema)[column]
    if isinstance(feature, datasets.ClassLabel):
        return ["" if value is None or value < 0 else feature.int2str(value) for value in values]
    return ["" if value is None else str(value) for value in values]
