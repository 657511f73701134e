"""Rows of a Parquet file."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet

from seqlab.data.readers.cells import has_columns
from seqlab.data.readers.source import Source
from seqlab.errors import DataError


def is_parquet(path: Path) -> bool:
    """Return whether the extension of `path` is one of Parquet."""
    return path.suffix.lower() in (".parquet", ".pq")


def parquet_names(source: Source) -> list[str]:
    """Return the names of the columns.

    Raises:
        DataError: the file is not Parquet.
    """
    return list(_schema(source).names)


def parquet_rows(source: Source, *, settings: Mapping[str, str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number of each row, from 1, and its values by column; a file without rows is a fault.

    Class labels become their names, other scalars strings, and null an empty string.

    Args:
        source: The file.
        settings: The columns to read, which must exist -> the setting of the reader that names them.

    Raises:
        DataError: the file is not Parquet.
    """
    schema = _schema(source)
    # the schema is small, and says whether the columns exist before any data are read
    if not has_columns(schema.names, settings, line=1, source=source):
        return
    try:
        table = pyarrow.parquet.read_table(source.path, columns=list(settings))
        columns = {name: _values(table.column(name).to_pylist(), schema, name) for name in table.column_names}
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        raise _unreadable(source, error) from error
    if not table.num_rows:
        source.fault(1, "the file holds no records; expected one record per row")
    for number, values in enumerate(zip(*columns.values(), strict=True), 1):
        yield number, dict(zip(columns, values, strict=True))


def _schema(source: Source) -> pa.Schema:
    try:
        return pyarrow.parquet.read_schema(source.path)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(source, error) from error


def _unreadable(source: Source, error: Exception) -> DataError:
    return DataError(f"{source.path}: cannot be read as Parquet: {error}")


def _values(values: list[Any], schema: pa.Schema, column: str) -> list[Any]:
    """Return `values` with strings for scalars: the names of class labels, and an empty string for null."""
    # `datasets` keeps the names of class labels in the metadata of the schema
    feature = datasets.Features.from_arrow_schema(schema)[column]
    if isinstance(feature, datasets.ClassLabel):
        return ["" if value is None or value < 0 else feature.int2str(value) for value in values]
    # other kinds are refused row by row
    return ["" if value is None else value if isinstance(value, list | dict | bytes) else str(value) for value in values]
