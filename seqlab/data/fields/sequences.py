"""Label sequences without alignment: the labels of a record in order, at unknown steps."""

from dataclasses import dataclass
from itertools import pairwise
from typing import final

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from seqlab.data.columns import Columns, Ragged, StringColumn, is_list
from seqlab.data.fields.base import NO_TARGET, EncodedColumn, TensorGroup
from seqlab.data.fields.labels import CollectedLabels
from seqlab.errors import DataError


@dataclass(frozen=True)
class LabelSequences(TensorGroup):
    """The label ids of each record of a batch in order, and their number."""

    labels: Int[Tensor, "batch label"]
    """`NO_TARGET` for padding and for labels that do not occur in training."""
    n_labels: Int[Tensor, " batch"]


@final
class EncodedLabelSequences(EncodedColumn):
    """Any number of ids per record."""

    def __init__(self, ids: Ragged) -> None:
        self.ids = ids

    def collate(self, rows: Int[np.ndarray, " batch"]) -> LabelSequences:
        labels = torch.from_numpy(self.ids.padded(rows, padding=NO_TARGET))
        return LabelSequences(labels, torch.from_numpy(self.ids.lengths[rows]))


@final
@dataclass
class LabelSequenceField(CollectedLabels):
    """The labels of a record in order; one that does not occur in training becomes `NO_TARGET`.

    Args:
        column: Column with a list of labels per record.
        alternatives: Column with other correct label sequences per record, each joined by spaces, which count for scores only;
            None: there are none.
    """

    column: str = "labels"
    alternatives: str | None = None

    def fit(self, columns: Columns) -> None:
        """Collect the labels, most frequent first.

        Raises:
            DataError: the training records have no label, or not a list of labels each.
        """
        self._sequences(columns)
        super().fit(columns)

    def encode(self, columns: Columns) -> EncodedLabelSequences:
        strings = self._sequences(columns)
        return EncodedLabelSequences(Ragged(self.ids(strings), strings.codes.offsets))

    def gold(self, columns: Columns) -> list[list[list[str]]]:
        """Return all correct label sequences of each record: its labels, then the alternatives."""
        self._sequences(columns)
        answers: list[list[list[str]]] = [[labels] for labels in columns.lists(self.column)]
        if self.alternatives is not None and self.alternatives in columns:
            further = _split_rows(columns.strings(self.alternatives))
            answers = [[*first, *others] for first, others in zip(answers, further, strict=True)]
        return answers

    def _sequences(self, columns: Columns) -> StringColumn:
        """Return the labels of the records.

        Raises:
            DataError: the column has single strings, which would pass for sequences of one label.
        """
        strings = columns.strings(self.column)
        kind = columns.arrow(self.column).type
        if not is_list(kind):
            raise DataError(f"column {self.column!r} holds {kind}; expected a list of labels per record")
        return strings


def _split_rows(strings: StringColumn) -> list[list[list[str]]]:
    """Return the strings of each row, each split at spaces."""
    # split once per distinct string
    sequences = [[label for label in text.split(" ") if label] for text in strings.distinct]
    cuts = strings.codes.offsets.tolist()
    codes = strings.codes.values.tolist()
    return [[sequences[code] for code in codes[start:end]] for start, end in pairwise(cuts)]
