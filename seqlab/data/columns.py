"""Columns of records as flat arrays with offsets: read from Arrow once, then sliced and padded without a Python loop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import datasets
import numpy as np
import pyarrow as pa
from jaxtyping import Int

from seqlab.data.records import place_of_record
from seqlab.errors import DataError

Made = TypeVar("Made")


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths: row i is `values[offsets[i]:offsets[i + 1]]`."""

    values: np.ndarray
    offsets: Int[np.ndarray, " offset"]

    @cached_property
    def lengths(self) -> Int[np.ndarray, " row"]:
        """Number of values in each row."""
        lengths: np.ndarray = np.diff(self.offsets)
        return lengths

    def padded(self, rows: Int[np.ndarray, " batch"], *, padding: float) -> np.ndarray:
        """Return `rows` as one array (batch, time, …), at least one step long, short rows filled up with `padding`."""
        lengths = self.lengths[rows]
        n_steps = max(1, int(lengths.max(initial=0)))
        if not len(self.values):
            return np.full((len(rows), n_steps, *self.values.shape[1:]), padding, dtype=self.values.dtype)
        steps = np.arange(n_steps)
        index = np.minimum(self.offsets[rows][:, None] + steps, len(self.values) - 1)
        out: np.ndarray = self.values[index]
        out[steps >= lengths[:, None]] = padding
        return out


@dataclass(frozen=True)
class StringColumn:
    """Strings of all rows: each is `distinct[code]`; a column of single strings has rows of one."""

    distinct: list[str]
    codes: Ragged

    @cached_property
    def counts(self) -> Int[np.ndarray, " distinct"]:
        """How often each distinct string occurs."""
        return np.bincount(self.codes.values, minlength=len(self.distinct))


class Columns:
    """Arrow columns of a set of records, each turned into flat arrays at most once."""

    def __init__(self, records: datasets.Dataset) -> None:
        self.records = records
        self._strings: dict[str, StringColumn] = {}
        self._made: dict[str, Any] = {}

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.records)

    def __contains__(self, name: str) -> bool:
        """Return whether the records have column `name`."""
        return name in self.records.column_names

    def arrow(self, name: str) -> pa.Array:
        """Return column `name` as one Arrow array.

        Raises: DataError listing the columns when there is none of that name, or when a record has no value in it.
        """
        if name not in self:
            raise DataError(f"the records have no column {name!r}; they have {', '.join(self.records.column_names)}")
        table = self.records.select_columns([name]).with_format("arrow")[:]
        column = table[name]
        array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
        if array.null_count:
            row = int(np.argmax(array.is_null().to_numpy(zero_copy_only=False)))
            raise DataError(f"{self.place(row)} has no value in column {name!r}")
        return array

    def made(self, key: str, make: Callable[["Columns"], Made]) -> Made:
        """Return what `make` makes of the columns, once for each `key`: such as trees, which are slow to parse."""
        if key not in self._made:
            self._made[key] = make(self)
        found: Made = self._made[key]
        return found

    def strings(self, name: str) -> StringColumn:
        """Return column `name` of strings, or of lists of strings."""
        if name not in self._strings:
            self._strings[name] = self._string_column(name)
        return self._strings[name]

    def _string_column(self, name: str) -> StringColumn:
        array = self.arrow(name)
        is_list = pa.types.is_list(array.type) or pa.types.is_large_list(array.type)
        offsets = np.asarray(array.offsets, dtype=np.int64) if is_list else np.arange(len(array) + 1)
        offsets = offsets - offsets[0]
        values = array.flatten() if is_list else array
        if pa.types.is_null(values.type):
            values = values.cast(pa.string())
        if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
            raise DataError(f"column {name!r} holds {array.type}; expected strings or lists of strings")
        if values.null_count:
            place = self.place_of(int(np.argmax(values.is_null().to_numpy(zero_copy_only=False))), offsets)
            raise DataError(f"{place} has an empty (null) value in column {name!r}; expected a string")
        encoded = values.dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        return StringColumn(encoded.dictionary.to_pylist(), Ragged(codes, offsets))

    def lists(self, name: str) -> list[Any]:
        """Return column `name` as Python values."""
        values: list[Any] = self.arrow(name).to_pylist()
        return values

    def record_id(self, row: int) -> str:
        """Return the `id` of the record in `row`, or the row itself where records carry none."""
        return str(self.records[row].get("id", row))

    def place(self, row: int) -> str:
        """Return what messages call the record in `row`: its id, and the line of its file where that is known."""
        return place_of_record(repr(self.record_id(row)), line=self.records[row].get("line"))

    def place_of(self, position: int, offsets: Int[np.ndarray, " offset"]) -> str:
        """Return the record, and the step or item in it from 0, of a position in the flat values of a column."""
        row = int(np.searchsorted(offsets, position, side="right")) - 1
        return f"{self.place(row)}, step {position - int(offsets[row])},"


def string_records(columns: dict[str, Sequence[object]]) -> Columns:
    """Return `columns` of Python values as `Columns`, for records that come from no file."""
    return Columns(datasets.Dataset.from_dict({name: list(values) for name, values in columns.items()}))
