"""Label sequences: the labels of a record in their order, without their positions in time."""

from dataclasses import dataclass
from itertools import pairwise
from typing import final

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Int
from torch import Tensor

from seqlab.data.columns import Columns, Ragged, StringColumn
from seqlab.data.fields.base import NO_TARGET, EncodedColumn
from seqlab.data.fields.labels import CollectedLabels
from seqlab.errors import DataError


@dataclass(frozen=True)
class LabelSequences:
    """The label ids of each record of a batch, one after the other, and how many there are."""

    labels: Int[Tensor, "batch label"]
    """`NO_TARGET` on padding, and in place of a label that training never saw."""
    n_labels: Int[Tensor, " batch"]

    def to(self, device: torch.device) -> "LabelSequences":
        """Return the same on `device`."""
        return LabelSequences(self.labels.to(device), self.n_labels.to(device))


@final
class EncodedLabelSequences(EncodedColumn):
    """Any number of ids a record, whatever its number of steps."""

    def __init__(self, ids: Ragged) -> None:
        self.ids = ids

    def collate(self, rows: Int[np.ndarray, " batch"]) -> LabelSequences:
        """Return the label sequences of `rows`."""
        labels = torch.from_numpy(self.ids.padded(rows, padding=NO_TARGET))
        return LabelSequences(labels, torch.from_numpy(self.ids.lengths[rows]))


@final
@dataclass
class LabelSequenceField(CollectedLabels):
    """The labels of a record in their order; one never seen in training keeps its place as `NO_TARGET`."""

    alternatives: str | None
    """Column of further right answers (a list, each its labels joined by single spaces), for scores only; None: none."""

    def fit(self, columns: Columns) -> None:
        """Collect the labels, most frequent first.

        Raises: DataError when training has no label at all, or records that are no lists of labels.
        """
        self._sequences(columns)
        super().fit(columns)

    def encode(self, columns: Columns) -> EncodedLabelSequences:
        """Return the ids of every record's labels."""
        strings = self._sequences(columns)
        return EncodedLabelSequences(Ragged(self.ids(strings), strings.codes.offsets))

    def gold(self, columns: Columns) -> list[list[list[str]]]:
        """Return all right answers of each record: its labels, then the alternatives where the records have any."""
        self._sequences(columns)
        answers: list[list[list[str]]] = [[labels] for labels in columns.lists(self.column)]
        if self.alternatives is not None and self.alternatives in columns:
            further = _split_rows(columns.strings(self.alternatives))
            answers = [[*first, *others] for first, others in zip(answers, further, strict=True)]
        return answers

    def _sequences(self, columns: Columns) -> StringColumn:
        """Return the labels as they are in the records.

        Raises: DataError for a column of single strings, which would pass for sequences of one label.
        """
        strings = columns.strings(self.column)
        kind = columns.arrow(self.column).type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            raise DataError(f"column {self.column!r} holds {kind}; expected a list of labels a record")
        return strings


def _split_rows(strings: StringColumn) -> list[list[list[str]]]:
    """Return the strings of each row, each cut at its spaces."""
    sequences = [[label for label in text.split(" ") if label] for text in strings.distinct]
    cuts = strings.codes.offsets.tolist()
    codes = strings.codes.values.tolist()
    return [[sequences[code] for code in codes[start:end]] for start, end in pairwise(cuts)]
