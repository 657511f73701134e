"""Targets of whole records: a label, any number of labels (multi-label), or a real number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.data.columns import Columns, StringColumn
from seqlab.data.fields.base import EncodedColumn, Field, target_ids
from seqlab.data.vocabulary import by_frequency
from seqlab.errors import ConfigError, DataError


@final
class EncodedLabels(EncodedColumn):
    """One id, one number or one row of 0 and 1 per record."""

    def __init__(self, targets: np.ndarray) -> None:
        self.targets = targets

    def collate(self, rows: Int[np.ndarray, " batch"]) -> Tensor:
        return torch.from_numpy(self.targets[rows])


@dataclass
class CollectedLabels(Field):
    """Base class of fields whose labels are collected from training, most frequent first."""

    column: str = "label"
    labels: list[str] = field(init=False, repr=False)
    fitted: ClassVar[Sequence[str]] = ("labels",)

    def fit(self, columns: Columns) -> None:
        """Collect the labels.

        Raises:
            DataError: the training records have no label.
        """
        counts = self.counts(columns)
        if not counts:
            raise DataError(f"column {self.column!r} has no label in the training records")
        self.labels = by_frequency(counts)

    def counts(self, columns: Columns) -> Mapping[str, int]:
        """Return the number of occurrences of each label."""
        return columns.strings(self.column).frequencies

    def ids(self, strings: StringColumn) -> Int[np.ndarray, " label"]:
        """Return the ids of the labels of all rows."""
        return strings.mapped(target_ids(strings.distinct, known=self.labels)).values


@final
@dataclass
class LabelField(CollectedLabels):
    """The label of a record; one that does not occur in training becomes `NO_TARGET`.

    Args:
        column: Column with one label per record.
    """

    def encode(self, columns: Columns) -> EncodedLabels:
        """Return one id per record.

        Raises:
            DataError: a record has several labels, or none.
        """
        strings = columns.strings(self.column)
        n_labels = strings.codes.lengths
        what = f"labels in column {self.column!r}; expected one (for several use the multi-label head: head=multilabel)"
        columns.check(n_labels == 1, lambda row: f"has {n_labels[row]} {what}")
        return EncodedLabels(self.ids(strings))


@final
@dataclass
class MultiLabelField(CollectedLabels):
    """The labels of a record as a row of 0 and 1; labels that do not occur in training are ignored.

    Args:
        column: Column with a list of labels per record.
    """

    def encode(self, columns: Columns) -> EncodedLabels:
        """Return one row of 0 and 1 per record."""
        strings = columns.strings(self.column)
        targets = np.zeros((len(strings.codes.lengths), len(self.labels)), dtype=np.float32)
        ids = self.ids(strings)
        targets[strings.codes.rows[ids >= 0], ids[ids >= 0]] = 1.0
        return EncodedLabels(targets)


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
            raise ConfigError(f"highest is {self.highest} and lowest {self.lowest}; expected highest above lowest")

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
        # an empty column has type null
        if not (pa.types.is_floating(array.type) or pa.types.is_integer(array.type)) and len(array):
            raise DataError(f"column {self.column!r} holds {array.type}; expected a number a record")
        numbers: np.ndarray = array.to_numpy(zero_copy_only=False).astype(np.float32)
        expected = f"expected {self.lowest} to {self.highest}; set lowest and highest of the head's target"
        # NaN fails both comparisons, so it is refused as well
        is_within = (numbers >= self.lowest) & (numbers <= self.highest)
        columns.check(is_within, lambda row: f"has {numbers[row]:g} in column {self.column!r}; {expected}")
        return numbers
