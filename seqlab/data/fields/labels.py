"""Labels of whole records: one each, or any number (multi-label)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from seqlab.data.columns import Columns, StringColumn
from seqlab.data.fields.base import EncodedColumn, Field, target_ids
from seqlab.data.vocabulary import by_frequency
from seqlab.errors import DataError


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

    column: str
    labels: list[str] = field(init=False, repr=False)

    def fit(self, columns: Columns) -> None:
        """Collect the labels.

        Raises:
            DataError: the training records have no label.
        """
        strings = columns.strings(self.column)
        if not strings.distinct:
            raise DataError(f"column {self.column!r} has no label in the training records")
        self.labels = by_frequency(strings.frequencies)

    def state(self) -> Mapping[str, Any]:
        return {"labels": self.labels}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        self.labels = list(state["labels"])

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
        is_wrong = strings.codes.lengths != 1
        if is_wrong.any():
            row = int(np.argmax(is_wrong))
            raise DataError(
                f"{columns.place(row)} has {strings.codes.lengths[row]} labels in column {self.column!r};"
                " expected one (for several use the multi-label head: head=multilabel)"
            )
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
        rows = np.repeat(np.arange(len(targets)), strings.codes.lengths)
        targets[rows[ids >= 0], ids[ids >= 0]] = 1.0
        return EncodedLabels(targets)
