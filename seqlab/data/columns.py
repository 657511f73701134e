"""Columns of records as flat arrays with offsets: read from Arrow once, then padded without a Python loop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import datasets
import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int

from seqlab.data.records import place_of_record
from seqlab.errors import DataError

Made = TypeVar("Made")


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths: row i is `values[offsets[i]:offsets[i + 1]]`.

    Args:
        values: The values of all rows, one after another; further axes are kept.
        offsets: Start of each row, and the number of all values.
    """

    values: np.ndarray
    offsets: Int[np.ndarray, " offset"]

    @cached_property
    def lengths(self) -> Int[np.ndarray, " row"]:
        """Number of values per row."""
        return np.asarray(np.diff(self.offsets))

    @property
    def rows(self) -> Int[np.ndarray, " value"]:
        """Row of each value."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    def padded(self, rows: Int[np.ndarray, " batch"], *, padding: float) -> np.ndarray:
        """Return `rows` as one array (batch, time, …) of at least one step; short rows end with `padding`."""
        lengths = self.lengths[rows]
        n_steps = max(1, int(lengths.max(initial=0)))
        # there is nothing to gather from: every row is padding
        if not len(self.values):
            return np.full((len(rows), n_steps, *self.values.shape[1:]), padding, dtype=self.values.dtype)
        steps = np.arange(n_steps)
        # One gather for all rows: it reads beyond the end of short rows, which are overwritten afterwards.
        index = np.minimum(self.offsets[rows][:, None] + steps, len(self.values) - 1)
        out: np.ndarray = self.values[index]
        out[steps >= lengths[:, None]] = padding
        return out

    def distinct(self, rows: Int[np.ndarray, " batch"]) -> tuple[Int[np.ndarray, " distinct"], Int[np.ndarray, "batch time"]]:
        """Return the distinct values of `rows`, which are at least 0, and where in them each step is; padding is at 0."""
        codes = self.padded(rows, padding=-1)
        values, position = np.unique(codes, return_inverse=True)
        has_padding = int(values[0] == -1)  # the values are sorted, so padding comes first
        # NumPy 2 returns the inverse in the shape of its input, NumPy 1 flat; `reshape` takes both
        return values[has_padding:], np.maximum(position.reshape(codes.shape) - has_padding, 0)


@dataclass(frozen=True)
class StringColumn:
    """Strings of all rows as codes: code c is `distinct[c]`; a column of single strings has rows of length 1."""

    distinct: list[str]
    codes: Ragged

    @cached_property
    def counts(self) -> Int[np.ndarray, " distinct"]:
        """Number of occurrences of each distinct string."""
        return np.bincount(self.codes.values, minlength=len(self.distinct))

    @property
    def frequencies(self) -> dict[str, int]:
        """Distinct string -> number of occurrences."""
        return dict(zip(self.distinct, self.counts.tolist(), strict=True))

    def mapped(self, ids: Int[np.ndarray, " distinct"]) -> Ragged:
        """Return the rows with `ids[code]` for each code."""
        return Ragged(ids[self.codes.values], self.codes.offsets)


class Columns:
    """Columns of some records, each converted from Arrow at most once.

    Args:
        records: The records; their `id` and `line`, if present, appear in messages.
        source: Their split and file, for messages; empty if unknown.
    """

    def __init__(self, records: datasets.Dataset, *, source: str = "") -> None:
        self.records = records
        self.source = source
        self._made: dict[str, Any] = {}

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.records)

    def __contains__(self, name: str) -> bool:
        """Return whether the records have column `name`."""
        return name in self.records.column_names

    def arrow(self, name: str) -> pa.Array:
        """Return column `name` as one Arrow array.

        Raises:
            DataError: the column does not exist, or a record has no value in it.
        """
        if name not in self:
            # a table of texts and labels, for a head that learns tags
            is_for_label = name == "tags" and "label" in self
            change = f"set data.reader.columns.{name} if the data have it and the reader has this option"
            hint = "choose head=[sequence] to learn the column 'label'" if is_for_label else change
            raise DataError(f"the records have no column {name!r}; they have {', '.join(self.records.column_names)}; {hint}")
        # selected first, so that a large column such as frames is not read for a small one
        table = self.records.select_columns([name]).with_format("arrow")[:]
        column = table[name]
        # one piece, so that offsets count through the whole column
        array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        is_given = array.is_valid().to_numpy(zero_copy_only=False)
        self.check(is_given, lambda row: f"has no value in column {name!r}")
        return array

    def check(
        self, is_valid: Bool[np.ndarray, " value"], fault: Callable[[int], str], *, offsets: np.ndarray | None = None
    ) -> None:
        """Raise a DataError about the first invalid value, whose index `fault` turns into the rest of the message.

        Each record has one value; with `offsets`, the values are those of all records, and the offsets those of the records.
        """
        if not is_valid.all():
            index = int(np.argmin(is_valid))
            row = index if offsets is None else row_of(index, offsets)
            raise DataError(f"{self.place(row)} {fault(index)}")

    def made(self, key: str, make: Callable[["Columns"], Made]) -> Made:
        """Return `make(self)`, computed once per `key`: for results that several fields need, such as parsed trees."""
        if key not in self._made:
            self._made[key] = make(self)
        found: Made = self._made[key]
        return found

    def strings(self, name: str) -> StringColumn:
        """Return column `name` of strings, or of lists of strings."""
        return self.made(f"strings of {name}", lambda columns: columns._string_column(name))

    def _string_column(self, name: str) -> StringColumn:
        array = self.arrow(name)
        values, offsets = flat_list(array) if is_list(array.type) else (array, np.arange(len(array) + 1))
        if pa.types.is_null(values.type):  # the type of a column of empty lists
            values = values.cast(pa.string())
        if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
            raise DataError(f"column {name!r} holds {array.type}; expected strings or lists of strings")
        if values.null_count:
            place = self.place_of(int(np.argmax(values.is_null().to_numpy(zero_copy_only=False))), offsets)
            raise DataError(f"{place} has an empty (null) value in column {name!r}; expected a string")
        # Arrow's dictionary: later steps treat each distinct string once, however often it occurs
        encoded = values.dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        return StringColumn(encoded.dictionary.to_pylist(), Ragged(codes, offsets))

    def lists(self, name: str) -> list[Any]:
        """Return column `name` as Python values."""
        values: list[Any] = self.arrow(name).to_pylist()
        return values

    def record_id(self, row: int) -> str:
        """Return the `id` of the record in `row`; without ids, the row number."""
        return str(self.records[row].get("id", row))

    def place(self, row: int) -> str:
        """Return how messages refer to the record in `row`: its id, and its line in the file if known."""
        return place_of_record(repr(self.record_id(row)), line=self.records[row].get("line"))

    def place_of(self, position: int, offsets: Int[np.ndarray, " offset"]) -> str:
        """Return how messages refer to a position in the flat values of a column: the record, and the step from 0."""
        row = row_of(position, offsets)
        return f"{self.place(row)}, step {position - int(offsets[row])},"


def is_list(kind: pa.DataType) -> bool:
    """Return whether an Arrow type is a list of any number of values."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def flat_list(array: pa.Array) -> tuple[pa.Array, Int[np.ndarray, " offset"]]:
    """Return the values of all lists, and the offsets of the lists in them."""
    offsets = np.asarray(array.offsets, dtype=np.int64)
    return array.flatten(), offsets - offsets[0]  # the offsets of a slice do not start at 0


def row_of(position: int, offsets: Int[np.ndarray, " offset"]) -> int:
    """Return the row of a position in the flat values of a column."""
    return int(np.searchsorted(offsets, position, side="right")) - 1


def string_records(columns: dict[str, Sequence[object]]) -> Columns:
    """Return columns of Python values as `Columns`."""
    return Columns(datasets.Dataset.from_dict({name: list(values) for name, values in columns.items()}))
