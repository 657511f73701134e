"""Records encoded once into integer columns, from which every batch is cut."""

from collections.abc import Mapping
from dataclasses import dataclass
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
    """The fields' tensors for some records."""

    fields: Mapping[str, Tensors]
    lengths: Int[Tensor, " batch"]
    rows: Int[Tensor, " batch"]
    """Row of each record in the records that the batch was cut from."""
    data_set: str = ""
    """Name of the data set that all of it comes from; empty where there is one, without a name."""

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.lengths)

    def __contains__(self, field: Field) -> bool:
        """Return whether the records had the field's column."""
        return field.key in self.fields

    def tensors(self, field: Field) -> Tensors:
        """Return the tensors of `field`.

        Raises: DataError when the records lack its column.
        """
        if field not in self:
            raise DataError(f"the records have no column {field.column!r}, which the model reads")
        return self.fields[field.key]

    def tensor(self, field: Field) -> Tensor:
        """Return the one tensor of a `field` that makes no more of its column.

        Raises: DataError when the records lack its column.
        """
        tensor = self.tensors(field)
        assert isinstance(tensor, Tensor), f"{field.key} has {type(tensor).__name__}"
        return tensor

    def to(self, device: torch.device) -> "Batch":
        """Return the same batch on `device`."""
        fields = {key: tensors.to(device) for key, tensors in self.fields.items()}
        return Batch(fields, self.lengths.to(device), self.rows.to(device), self.data_set)


class EncodedRecords:
    """Encoded columns of the same records; all that run along the time axis agree on every record's length."""

    def __init__(self, encoded: Mapping[str, EncodedColumn], *, columns: Columns) -> None:
        self.encoded = encoded
        self.columns = columns

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.columns)

    @property
    def parts(self) -> Mapping[str, "EncodedRecords"]:
        """The records by data set: themselves, without a name."""
        return {"": self}

    @cached_property
    def lengths(self) -> Int[np.ndarray, " row"]:
        """Steps of each record.

        Raises: DataError naming the first record whose columns disagree, or point beyond its end.
        """
        timed = {key: column.lengths for key, column in self.encoded.items() if column.lengths is not None}
        if not timed:
            raise DataError(f"no column with steps; the records have {', '.join(self.columns.records.column_names)}")
        (first_key, first), *others = timed.items()
        for key, lengths in others:
            if (lengths != first).any():
                row = int(np.argmax(lengths != first))
                raise DataError(
                    f"record {self.columns.record_id(row)!r} has {first[row]} steps by {first_key}"
                    f" but {lengths[row]} by {key}; every column of a record needs one value a step"
                )
        self._check_reach(first)
        return first

    def _check_reach(self, lengths: Int[np.ndarray, " row"]) -> None:
        for key, column in self.encoded.items():
            if column.reach is not None and (column.reach > lengths).any():
                row = int(np.argmax(column.reach > lengths))
                name = self.columns.record_id(row)
                raise DataError(f"record {name!r} has {lengths[row]} steps, but {key} goes to step {column.reach[row]}")

    def batch(self, rows: Int[np.ndarray, " batch"]) -> Batch:
        """Return the records in `rows` as padded tensors."""
        fields = {key: column.collate(rows) for key, column in self.encoded.items()}
        return Batch(fields, torch.from_numpy(self.lengths[rows]), torch.from_numpy(rows))
