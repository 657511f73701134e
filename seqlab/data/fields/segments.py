"""Segments of a record: their bounds, which are given, and their labels, which are predicted."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Int
from torch import Tensor

from seqlab.data.columns import Columns, Ragged, flat_list, is_list
from seqlab.data.fields.base import NO_TARGET, EncodedColumn, Field, TensorGroup, target_ids
from seqlab.data.fields.categories import EncodedIds
from seqlab.data.fields.tags import TagTargets
from seqlab.data.schemes import get_scheme
from seqlab.data.vocabulary import by_frequency
from seqlab.errors import DataError


@final
@dataclass(frozen=True)
class SegmentRows:
    """The segments of all records; those of record i are `offsets[i]` to `offsets[i + 1]`."""

    starts: Int[np.ndarray, " segment"]
    ends: Int[np.ndarray, " segment"]
    """Exclusive."""
    labels: list[str | None]
    """None for a segment without a label."""
    offsets: Int[np.ndarray, " offset"]

    def of(self, row: int) -> slice:
        """Return the slice of the segments of a record."""
        return slice(int(self.offsets[row]), int(self.offsets[row + 1]))


def read_segments(columns: Columns, column: str, *, scheme: str | None) -> SegmentRows:
    """Return the segments in `column`: lists of (start, end, label), or with a span `scheme`, one tag per step.

    Raises:
        DataError: the column has other values, or a segment is empty or starts below 0.
    """
    return _from_tags(columns, column, scheme=scheme) if scheme else _from_structures(columns, column)


def _from_tags(columns: Columns, column: str, *, scheme: str) -> SegmentRows:
    engine = get_scheme(scheme)
    rows = [engine.spans(tags) for tags in columns.lists(column)]
    spans = [span for row in rows for span in row]
    # not unpacked by `zip`, which fails where there is no span at all
    starts, ends = (np.asarray([span[i] for span in spans], dtype=np.int64) for i in (0, 1))
    return SegmentRows(starts, ends, [span.label for span in spans], np.cumsum([0, *map(len, rows)]))


def _from_structures(columns: Columns, column: str) -> SegmentRows:
    array = columns.arrow(column)
    # the names of the parts may be in any order, and the label may be missing
    kind = array.type.value_type if is_list(array.type) else None
    names = {kind.field(i).name for i in range(kind.num_fields)} if kind is not None and pa.types.is_struct(kind) else set()
    if not names >= {"start", "end"}:
        raise DataError(f"column {column!r} holds {array.type}; expected a list of segments, each with start, end and label")
    values, offsets = flat_list(array)
    starts, ends = (_integers(values.field(name), columns, column=column, offsets=offsets) for name in ("start", "end"))
    labels = values.field("label").to_pylist() if "label" in names else [None] * len(starts)
    is_valid = (starts >= 0) & (starts < ends)
    what = f"has a segment in column {column!r}"
    columns.check(is_valid, lambda i: f"{what} from {starts[i]} to {ends[i]}; expected 0 <= start < end", offsets=offsets)
    return SegmentRows(starts, ends, labels, offsets)


def _integers(values: pa.Array, columns: Columns, *, column: str, offsets: np.ndarray) -> np.ndarray:
    if not pa.types.is_integer(values.type):
        raise DataError(f"column {column!r} has segments from or to {values.type}; expected integers")
    what = f"has a segment in column {column!r} without a start or an end; expected both"
    columns.check(values.is_valid().to_numpy(zero_copy_only=False), lambda _: what, offsets=offsets)
    return np.asarray(values.to_numpy(zero_copy_only=False).astype(np.int64))


@final
@dataclass(frozen=True)
class SegmentBounds(TensorGroup):
    """Bounds of the segments of a batch; entries beyond the `counts` of a record are 0."""

    starts: Int[Tensor, "batch segment"]
    ends: Int[Tensor, "batch segment"]
    """Exclusive."""
    counts: Int[Tensor, " batch"]


@final
class EncodedSegments(EncodedColumn):
    """Bounds of segments; a record must have all steps of its segments."""

    def __init__(self, rows: SegmentRows) -> None:
        self.starts, self.ends = Ragged(rows.starts, rows.offsets), Ragged(rows.ends, rows.offsets)
        # segments may be in any order, so the last one need not end last
        self.reach = np.asarray([rows.ends[rows.of(i)].max(initial=0) for i in range(len(rows.offsets) - 1)], dtype=np.int64)

    def collate(self, rows: Int[np.ndarray, " batch"]) -> SegmentBounds:
        starts, ends = (torch.from_numpy(part.padded(rows, padding=0)) for part in (self.starts, self.ends))
        return SegmentBounds(starts, ends, torch.from_numpy(self.starts.lengths[rows]))


@final
@dataclass
class SegmentBoundsField(Field):
    """Bounds of the segments, an input of the model; there is nothing to fit.

    Args:
        column: Column with the segments.
        scheme: Span scheme (BIO …) if the column has one tag per step, whose labels are ignored; None if it lists segments,
            (start, end) in steps, which may overlap and leave gaps.
    """

    column: str = "segments"
    scheme: str | None = None

    def fit(self, columns: Columns) -> None:
        """Do nothing."""

    def encode(self, columns: Columns) -> EncodedSegments:
        return EncodedSegments(self.read(columns))

    def read(self, columns: Columns) -> SegmentRows:
        """Return the segments of the records."""
        return read_segments(columns, self.column, scheme=self.scheme)


@final
@dataclass
class SegmentLabelField(TagTargets):
    """Labels of given segments; a segment has `NO_TARGET` without a label, or with one that does not occur in training.

    Args:
        column: Column with the labelled segments.
        scheme: Span scheme of `column`, as in `SegmentBoundsField`.
        bounds: Field with the bounds, if they are in another column: a segment then has the label of the span in `column` with
            the same bounds, or none. None: the bounds are in `column`.
    """

    column: str = "segments"
    scheme: str | None = None
    bounds: SegmentBoundsField | None = None
    tags: list[str] = field(init=False, repr=False)

    def fit(self, columns: Columns) -> None:
        """Collect the labels, most frequent first.

        Raises:
            DataError: the training records have no labelled segment.
        """
        labels = Counter(label for row in self.gold(columns) for label in row if label is not None)
        if not labels:
            raise DataError(f"column {self.column!r} has no labelled segment in the training records")
        self.tags = by_frequency(labels)

    def encode(self, columns: Columns) -> EncodedIds:
        rows = self.gold(columns)
        ids = target_ids((label for row in rows for label in row), known=self.tags)
        return EncodedIds(Ragged(ids, np.cumsum([0, *map(len, rows)])), padding=NO_TARGET, is_per_step=False)

    def gold(self, columns: Columns) -> list[list[str | None]]:
        """Return the labels of the segments of each record, None for a segment without a label."""
        found = read_segments(columns, self.column, scheme=self.scheme)
        if self.bounds is None or self.bounds.column not in columns:
            return [found.labels[found.of(i)] for i in range(len(columns))]
        given = self.bounds.read(columns)
        return [_labels_at(given, found, row) for row in range(len(columns))]

    def state(self) -> Mapping[str, Any]:
        return {"labels": self.tags}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        self.tags = list(state["labels"])


def _labels_at(given: SegmentRows, found: SegmentRows, row: int) -> list[str | None]:
    """Return the label of each given segment; segments with equal bounds get the labels at these bounds in order."""
    own, other = given.of(row), found.of(row)
    labels: dict[tuple[int, int], list[str | None]] = {}
    for start, end, label in zip(found.starts[other], found.ends[other], found.labels[other], strict=True):
        labels.setdefault((start, end), []).append(label)
    queues = [labels.get(bounds, [None]) for bounds in zip(given.starts[own], given.ends[own], strict=True)]
    # the last label stays in its queue for further segments with the same bounds
    return [queue.pop(0) if len(queue) > 1 else queue[0] for queue in queues]
