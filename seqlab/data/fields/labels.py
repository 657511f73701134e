"""Labels of whole records: one each, or any number (multi-label)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from seqlab.data.columns import Columns, StringColumn
from seqlab.data.fields.base import NO_TARGET, EncodedColumn, Field
from seqlab.errors import DataError


@final
class EncodedLabels(EncodedColumn):
    """One id a record, or one 0/1 row a record."""

    def __init__(self, targets: np.ndarray) -> None:
        self.targets = targets

    def collate(self, rows: Int[np.ndarray, " batch"]) -> Tensor:
        """Return the targets of `rows`."""
        return torch.from_numpy(self.targets[rows])


@dataclass
class CollectedLabels(Field):
    """Labels whose ids follow from how often training has them."""

    column: str
    labels: list[str] = field(init=False, repr=False)

    def fit(self, columns: Columns) -> None:
        """Collect the labels, most frequent first.

        Raises: DataError when training has no label at all.
        """
        strings = columns.strings(self.column)
        if not strings.distinct:
            raise DataError(f"column {self.column!r} has no label in the training records")
        by_count = sorted(zip(strings.distinct, strings.counts.tolist(), strict=True), key=lambda p: (-p[1], p[0]))
        self.labels = [label for label, _ in by_count]

    def state(self) -> Mapping[str, Any]:
        """Return the labels in the order of their ids."""
        return {"labels": self.labels}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take over the labels."""
        self.labels = list(state["labels"])

    def ids(self, strings: StringColumn) -> Int[np.ndarray, " label"]:
        """Return the id of each label of all rows, `NO_TARGET` for one never seen in training."""
        ids = {label: i for i, label in enumerate(self.labels)}
        by_code = np.asarray([ids.get(label, NO_TARGET) for label in strings.distinct], dtype=np.int64)
        return by_code[strings.codes.values] if len(by_code) else strings.codes.values


@final
@dataclass
class LabelField(CollectedLabels):
    """The label of a record; one never seen in training becomes `NO_TARGET`."""

    def encode(self, columns: Columns) -> EncodedLabels:
        """Return one id a record.

        Raises: DataError for a record with several labels.
        """
        strings = columns.strings(self.column)
        if (strings.codes.lengths != 1).any():
            row = int(np.argmax(strings.codes.lengths != 1))
            raise DataError(
                f"{columns.place(row)} has {strings.codes.lengths[row]} labels in column {self.column!r};"
                " expected one (for several use the multi-label head: head=multilabel)"
            )
        return EncodedLabels(self.ids(strings))


@final
@dataclass
class MultiLabelField(CollectedLabels):
    """The labels of a record as a row of 0 and 1; labels never seen in training are left out."""

    def encode(self, columns: Columns) -> EncodedLabels:
        """Return one row of 0 and 1 a record."""
        strings = columns.strings(self.column)
        targets = np.zeros((len(strings.codes.lengths), len(self.labels)), dtype=np.float32)
        ids = self.ids(strings)
        rows = np.repeat(np.arange(len(targets)), strings.codes.lengths)
        targets[rows[ids >= 0], ids[ids >= 0]] = 1.0
        return EncodedLabels(targets)
