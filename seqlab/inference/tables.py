"""Read rows of tables to label: the columns that a model reads, and Parquet."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedIOBase, BytesIO
from typing import Any, ClassVar, final

import pyarrow as pa
import pyarrow.parquet

from seqlab.data.pairs import SECOND
from seqlab.data.readers.source import split_spaces
from seqlab.errors import ConfigError, DataError, shortened
from seqlab.inference.given import check_kinds, read_input
from seqlab.inference.inputs import Chunk, InputFormat, Record

_N_ROWS = 1000
"""Rows of Parquet in a chunk."""


@dataclass(frozen=True, kw_only=True)
class TableColumns:
    """The columns of a table that a model reads.

    Args:
        named: Record column -> column of the table.
        needed: Columns that the model reads.
        is_chosen: Whether the user named the columns, so that each must be there.
    """

    named: Mapping[str, str]
    needed: Sequence[str]
    is_chosen: bool = False
    _texts: ClassVar[Mapping[str, str]] = {f"tokens{side}": f"text{side}" for side in ("", SECOND)}
    """Columns of tokens -> columns of the texts that give them."""

    def found(self, header: Sequence[str], *, where: str) -> dict[str, str]:
        """Return the record columns that the table has, with their columns in the table.

        Raises: DataError that names the columns of the table, if one that the model reads is missing.
        """
        there = {name: column for name, column in self.named.items() if column in header}
        if self.is_chosen and len(there) < len(self.named):
            self._refuse(next(name for name in self.named if name not in there), header, where=where)
        for name in self.needed:
            text = self._texts.get(name, name)
            if name not in there and text not in there:
                self._refuse(text if text in self.named else name, header, where=where)
        return there

    def record(self, row: Mapping[str, Any], columns: Mapping[str, str]) -> Record:
        """Return what the model reads of a row: strings of tokens are split at spaces."""
        record = {name: row[column] for name, column in columns.items() if row[column] is not None}
        for name, text in self._texts.items():
            if isinstance(record.get(name), str):
                # a text gives its own tokens
                record = {**record, name: None if text in record else split_spaces(record[name])}
            # `type`, not `isinstance`: True is an int, and a truth value is no text
            if type(record.get(text)) in (int, float):
                record[text] = str(record[text])
        for name in self.needed:
            if name not in record and self._texts.get(name) not in record:
                column = columns.get(self._texts.get(name, name)) or columns[name]
                raise DataError(f"{column} is empty (null); expected a value in each row")
        if isinstance(row.get("id"), str | int):
            record["id"] = row["id"]
        check_kinds(record, self.needed)
        return read_input(record)

    def _refuse(self, name: str, header: Sequence[str], *, where: str) -> None:
        column = self.named.get(name, name)
        what = shortened(f"no column {column!r}, which the model reads as {name}, among {list(header)}")
        raise DataError(f"{where}: {what}; name it with --columns {name}=COLUMN, or set another --format")


class TableFormat(InputFormat):
    """Base class: one record per row; all other columns are kept for the output."""

    columns = None
    table: TableColumns

    def _chunk(self, rows: Sequence[tuple[int, Mapping[str, Any]]], columns: Mapping[str, str], *, name: str) -> Chunk:
        records: list[Record] = []
        for number, row in rows:
            try:
                records.append(self.table.record(row, columns))
            except DataError as error:
                raise DataError(f"{name}:{number}: {shortened(str(error))}") from None
        return Chunk(records, numbers=[number for number, _ in rows], rows=[row for _, row in rows])


@final
@dataclass(kw_only=True)
class ParquetFormat(TableFormat):
    """Parquet; `name:row` counts rows from 1. Columns of bytes, such as images, are not kept for the output."""

    table: TableColumns

    def read(self, stream: BufferedIOBase, *, name: str) -> Iterator[Chunk]:
        """Yield the rows, some at a time."""
        try:
            # the index is at the end of the file, which a pipe cannot seek
            file = pyarrow.parquet.ParquetFile(stream if stream.seekable() else BytesIO(stream.read()))
            schema = file.schema_arrow
            columns = self.table.found(schema.names, where=name)
            # columns of bytes, such as images, would fill the memory, and JSON cannot hold them
            kept = [one.name for one in schema if one.name in columns.values() or not _holds_bytes(one.type)]
            number = 1
            for batch in file.iter_batches(batch_size=_N_ROWS, columns=kept):
                rows = batch.to_pylist()
                yield self._chunk(list(enumerate(rows, number)), columns, name=name)
                number += len(rows)
        except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
            raise DataError(f"{name}: cannot be read as Parquet: {shortened(str(error))}") from error


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_nested(kind):
        return any(_holds_bytes(kind.field(i).type) for i in range(kind.num_fields))
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def table_columns(reader: Mapping[str, Any], *, chosen: Mapping[str, str] | None, needed: Sequence[str]) -> TableColumns:
    """Return the columns `chosen`, else those that a reader's config names, else those of the same name."""
    if chosen is not None:
        return TableColumns(named=chosen, needed=needed, is_chosen=True)
    read = {*needed, "text", "tokens", *(name.replace("tokens", "text") for name in needed)}
    if isinstance(reader.get("text_column"), str):
        frames = {"frames": reader.get("frames_column", "frames")} if "frames" in needed else {}
        return TableColumns(named={"text": reader["text_column"], **frames}, needed=needed)
    named = reader.get("columns")
    names = named if isinstance(named, Mapping) else {}
    return TableColumns(named={name: name for name in sorted(read)} | _strings(names, read), needed=needed)


def _strings(columns: Mapping[str, Any], read: set[str]) -> dict[str, str]:
    return {name: column for name, column in columns.items() if isinstance(column, str) and name in read}


def parse_names(text: str) -> dict[str, str]:
    """Parse columns such as `text=review`.

    Raises: ConfigError for anything else.
    """
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(name and column for name, _, column in pairs):
        raise ConfigError(f"--columns is {text!r}; expected names of columns, such as text=review")
    return {name: column for name, _, column in pairs}
