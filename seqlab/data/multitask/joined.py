"""Records of several data sets as one split, with batches of one data set each."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TypeAlias, final

import numpy as np
from jaxtyping import Int

from seqlab.data.batch import Batch, EncodedRecords


@final
class JoinedRecords:
    """The records of several data sets; rows are numbered through, set after set.

    Args:
        parts: Data set -> records.
    """

    def __init__(self, parts: Mapping[str, EncodedRecords]) -> None:
        self.parts = parts

    def __len__(self) -> int:
        """Return the number of records."""
        return int(self.starts[-1])

    @cached_property
    def starts(self) -> Int[np.ndarray, " part"]:
        """First row of each data set, and the number of all rows."""
        return np.cumsum([0, *map(len, self.parts.values())])

    @cached_property
    def lengths(self) -> Int[np.ndarray, " row"]:
        """Steps per record."""
        return np.concatenate([part.lengths for part in self.parts.values()])

    @property
    def n_steps(self) -> int:
        """Number of real steps of all records, of both sides."""
        return sum(part.n_steps for part in self.parts.values())

    def batch(self, rows: Int[np.ndarray, " batch"]) -> Batch:
        """Return the records in `rows`, all of one data set, as a batch with its name and rows within it."""
        # `right`: the first row of a data set equals its start
        first, last = np.searchsorted(self.starts, [rows.min(), rows.max()], side="right").tolist()
        assert first == last, f"rows {rows.min()} to {rows.max()} are of several data sets"
        name = list(self.parts)[first - 1]
        return replace(self.parts[name].batch(rows - self.starts[first - 1]), data_set=name)


Split: TypeAlias = EncodedRecords | JoinedRecords
"""The encoded records of a split, of one data set or several."""
