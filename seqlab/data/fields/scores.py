"""Scores: one real number per record."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from seqlab.data.columns import Columns
from seqlab.data.fields.base import Field
from seqlab.data.fields.labels import EncodedLabels
from seqlab.errors import ConfigError, DataError


@final
@dataclass
class ScoreField(Field):
    """The number of a record.

    Args:
        column: Column with one number per record.
        lowest: Smallest number; together with `highest` it gives the grades, the integers from `lowest` to `highest`.
        highest: Largest number.

    Raises:
        ConfigError: `highest` is not above `lowest`.
    """

    column: str
    lowest: int
    highest: int

    def __post_init__(self) -> None:
        if self.lowest >= self.highest:
            raise ConfigError(
                f"highest is {self.highest} and lowest {self.lowest}; expected highest above lowest, such as 1 to 5"
            )

    @property
    def labels(self) -> list[str]:
        """The grades, lowest first."""
        return [str(grade) for grade in range(self.lowest, self.highest + 1)]

    def fit(self, columns: Columns) -> None:
        self.numbers(columns)

    def encode(self, columns: Columns) -> EncodedLabels:
        return EncodedLabels(self.numbers(columns))

    def numbers(self, columns: Columns) -> Float[np.ndarray, " record"]:
        """Return the number of every record.

        Raises:
            DataError: the column has other values, or a number is out of range.
        """
        array = columns.arrow(self.column)
        if not (pa.types.is_floating(array.type) or pa.types.is_integer(array.type)) and len(array):
            raise DataError(f"column {self.column!r} holds {array.type}; expected a number a record")
        numbers: np.ndarray = array.to_numpy(zero_copy_only=False).astype(np.float32)
        is_within = (numbers >= self.lowest) & (numbers <= self.highest)
        if not is_within.all():
            row = int(np.argmin(is_within))
            raise DataError(
                f"{columns.place(row)} has {numbers[row]:g} in column {self.column!r}; expected {self.lowest} to"
                f" {self.highest}; set lowest and highest of the head's target"
            )
        return numbers

    def state(self) -> Mapping[str, Any]:
        return {}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Do nothing: the config has everything."""
