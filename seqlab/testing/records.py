"""Records for testing fields, embeddings and heads: of several lengths, including 1 and 0."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from seqlab.data.batch import Batch
from seqlab.data.columns import Columns
from seqlab.data.fields import Field
from seqlab.data.records import records_from_columns
from seqlab.steps import Steps

_KNOWN: dict[str, list[Any]] = {
    "id": ["four", "one", "none", "six", "two"],
    "tokens": [["Ada", "saw", "Kiel", "."], ["Kiel"], [], ["Ada", "Lovelace", "saw", "the", "U.S.", "!"], ["rain", "fell"]],
    "upos": [["N", "V", "N", "P"], ["N"], [], ["N", "N", "V", "D", "N", "P"], ["N", "V"]],
    "tags": [["B-A", "O", "B-B", "O"], ["B-B"], [], ["B-A", "I-A", "O", "O", "B-B", "O"], ["O", "O"]],
    "segments": [
        [(0, 1, "A"), (2, 3, "B")],
        [(0, 1, "B")],
        [],
        [(3, 6, "B"), (0, 2, "A"), (1, 5, "A")],  # unordered and overlapping
        [],
    ],
    "label": ["ask", "tell", "tell", "ask", "tell"],
    "topics": [["travel", "people"], ["travel"], [], ["people"], ["weather"]],
    "labels": [["a", "b"], ["a"], [], ["b", "b", "a"], ["b"]],
    "frames": [
        [[0.5, -1.0, 2.0], [0.1, 0.2, 0.3], [1.5, 0.0, -2.0], [0.3, 0.3, 0.4]],
        [[1.0, 2.0, 3.0]],
        [],
        [[0.1 * step, -0.2 * step, 1.0] for step in range(6)],
        [[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]],
    ],
}

_STRANGE: dict[str, list[Any]] = {
    "id": ["three", "empty", "mixed"],
    "tokens": [["Zürich", "\U0001f30d", "x" * 60], [], ["Ada", "", "saw"]],
    "upos": [["X", "X", "X"], [], ["N", "X", "V"]],
    "tags": [["B-Z", "I-Z", "O"], [], ["B-A", "O", "B-Z"]],
    "segments": [[(0, 3, "Z")], [], [(0, 1, "A"), (1, 2, None), (2, 3, "Z")]],
    "label": ["shout", "shout", "ask"],
    "topics": [["sports"], [], ["people", "sports"]],
    "labels": [["z", "z"], [], ["a", "z"]],
    "frames": [[[9.0, 9.0, 9.0]] * 3, [], [[-9.0, 0.0, 9.0]] * 3],
}


def _records(values: dict[str, list[Any]]) -> Columns:
    segments = [[dict(zip(("start", "end", "label"), segment, strict=True)) for segment in row] for row in values["segments"]]
    return Columns(records_from_columns({**values, "segments": segments}))


@cache
def labelled_columns() -> Columns:
    """Return records with 4, 1, 0, 6 and 2 steps, for parts to learn from."""
    return _records(_KNOWN)


@cache
def strange_columns() -> Columns:
    """Return records with 3, 0 and 3 steps, with words, characters, tags and labels that `labelled_columns` lacks."""
    return _records(_STRANGE)


class RecordContract:
    """Base class of contracts for parts that are fitted on records."""

    def columns(self) -> Columns:
        """Return the records to fit the part on."""
        return labelled_columns()

    def unseen_columns(self) -> Columns:
        """Return records with values that `columns` lacks."""
        return strange_columns()


def taught_columns(columns: Columns) -> Columns:
    """Return the records with a teacher's answers: the gold tag and `O` for each step, less confident at later steps."""
    tags = columns.lists("tags")
    answers = [[{"O": 0.1 * (step + 1), tag: 1 - 0.1 * step} for step, tag in enumerate(row)] for row in tags]
    return Columns(columns.records.add_column("teacher", answers))


def n_steps(columns: Columns, *, column: str) -> np.ndarray:
    """Return the number of steps of each record, counted in `column`."""
    return np.asarray([len(row) for row in columns.lists(column)], dtype=np.int64)


def batch_of(fields: Sequence[Field], columns: Columns, *, rows: Sequence[int] | None = None, lengths: np.ndarray) -> Batch:
    """Return the records in `rows` (None: all) as a batch of `fields`; `lengths` are those of all records."""
    chosen = np.asarray(range(len(columns)) if rows is None else rows, dtype=np.int64)
    tensors = {field.key: field.encode(columns).collate(chosen) for field in fields}
    return Batch(tensors, torch.from_numpy(lengths[chosen]), torch.from_numpy(chosen))


def bare_batch(steps: Steps) -> Batch:
    """Return a batch of the records in `steps` without any field."""
    return Batch({}, steps.lengths, torch.arange(len(steps.lengths)))
