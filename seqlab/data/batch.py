"""Encoded records, and batches cut from them."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from seqlab.data.columns import Columns
from seqlab.data.fields.base import EncodedColumn, Field, Tensors
from seqlab.errors import DataError


@dataclass(frozen=True)
class Batch:
    """The tensors of all fields for some records."""

    fields: Mapping[str, Tensors]
    lengths: Int[Tensor, " batch"]
    rows: Int[Tensor, " batch"]
    """Row of each record in the encoded records."""
    data_set: str = ""
    """Name of the data set of all records; empty in a run with a single data set."""
    second: "Batch | None" = None
    """The second sides of pairs, else None."""

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.lengths)

    @property
    def n_steps(self) -> int:
        """Number of real steps, of both sides."""
        return int(self.lengths.sum()) + (0 if self.second is None else self.second.n_steps)

    def __contains__(self, field: Field) -> bool:
        """Return whether the records had the field's column."""
        return field.key in self.fields

    def tensors(self, field: Field) -> Tensors:
        """Return the tensors of `field`.

        Raises:
            DataError: the records lack its column.
        """
        if field not in self:
            raise DataError(f"the records have no column {field.column!r}, which the model reads")
        return self.fields[field.key]

    def tensor(self, field: Field) -> Tensor:
        """Return the tensor of a `field` that encodes its column as a single one.

        Raises:
            DataError: the records lack its column.
        """
        tensor = self.tensors(field)
        # a field that encodes several tensors here is a bug of the head that asks, not of the data
        assert isinstance(tensor, Tensor), f"{field.key} has {type(tensor).__name__}"
        return tensor

    def to(self, device: torch.device) -> "Batch":
        """Return a copy on `device`."""
        fields = {key: tensors.to(device) for key, tensors in self.fields.items()}
        second = None if self.second is None else self.second.to(device)
        return Batch(fields, self.lengths.to(device), self.rows.to(device), self.data_set, second)


@dataclass(frozen=True, eq=False)
class EncodedRecords:
    """Encoded columns of some records; all columns with one value per step have the same lengths.

    Args:
        encoded: Key of the field -> encoded column.
        columns: The columns of the records.
        second: The second sides of pairs, else None.
    """

    encoded: Mapping[str, EncodedColumn]
    _: KW_ONLY
    columns: Columns
    second: "EncodedRecords | None" = None

    @property
    def has_steps(self) -> bool:
        """Whether a column has one value per step."""
        return any(column.lengths is not None for column in self.encoded.values())

    @cached_property
    def sizes(self) -> Int[np.ndarray, " row"]:
        """Steps that each record takes in a batch: its length or, of a pair, twice that of the longer side."""
        # both sides of a batch are padded to the longest sequence of either side
        return self.lengths if self.second is None else 2 * np.maximum(self.lengths, self.second.lengths)

    @property
    def n_steps(self) -> int:
        """Number of real steps of all records, of both sides."""
        return int(self.lengths.sum()) + (0 if self.second is None else self.second.n_steps)

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.columns)

    @property
    def parts(self) -> Mapping[str, "EncodedRecords"]:
        """The records by data set: a single one without a name."""
        return {"": self}

    @cached_property
    def lengths(self) -> Int[np.ndarray, " row"]:
        """Steps of each record.

        Raises:
            DataError: the columns of a record disagree, or refer to steps beyond its end; the message names the record.
        """
        # fields may encode columns that disagree, so they are compared before the first batch
        timed = {key: column.lengths for key, column in self.encoded.items() if column.lengths is not None}
        if not timed:
            raise DataError(f"no column with steps; the records have {', '.join(self.columns.records.column_names)}")
        (first_key, first), *others = timed.items()
        for key, lengths in others:
            if (lengths != first).any():
                row = int(np.argmax(lengths != first))
                found = f"{first[row]} steps by {first_key} but {lengths[row]} by {key}"
                raise DataError(f"{self.columns.place(row)} has {found}; expected one value per step in each column")
        for key, column in self.encoded.items():
            if column.reach is not None and (column.reach > first).any():
                row = int(np.argmax(column.reach > first))
                found = f"{first[row]} steps, but {key} goes to step {column.reach[row]}"
                raise DataError(f"{self.columns.place(row)} has {found}")
        return first

    def batch(self, rows: Int[np.ndarray, " batch"]) -> Batch:
        """Return the records in `rows` as padded tensors."""
        fields = {key: column.collate(rows) for key, column in self.encoded.items()}
        second = None if self.second is None else self.second.batch(rows)
        return Batch(fields, torch.from_numpy(self.lengths[rows]), torch.from_numpy(rows), second=second)
