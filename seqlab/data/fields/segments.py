"""Segments of a record's steps: where they lie, which is given, and what each is called, which is wanted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Int
from torch import Tensor

from seqlab.data.columns import Columns, Ragged
from seqlab.data.fields.base import NO_TARGET, EncodedColumn, Field
from seqlab.data.fields.categories import EncodedIds
from seqlab.data.fields.tags import TagTargets
from seqlab.data.schemes import get_scheme
from seqlab.errors import DataError


@final
@dataclass(frozen=True)
class SegmentRows:
    """The segments of all records, those of record i from `offsets[i]` to `offsets[i + 1]`."""

    starts: Int[np.ndarray, " segment"]
    ends: Int[np.ndarray, " segment"]
    """Exclusive."""
    labels: list[str | None]
    """None where a segment has none."""
    offsets: Int[np.ndarray, " offset"]

    def of(self, row: int) -> slice:
        """Return where the segments of a record lie."""
        return slice(int(self.offsets[row]), int(self.offsets[row + 1]))


def read_segments(columns: Columns, column: str, *, scheme: str | None) -> SegmentRows:
    """Return the segments in `column`: lists of (start, end, label), or with a span scheme one tag a step.

    Raises: DataError for a column of something else, and for a segment that begins below 0 or has no step.
    """
    return _from_tags(columns, column, scheme=scheme) if scheme else _from_structures(columns, column)


def _from_tags(columns: Columns, column: str, *, scheme: str) -> SegmentRows:
    engine = get_scheme(scheme)
    rows = [engine.spans(tags) for tags in columns.lists(column)]
    spans = [span for row in rows for span in row]
    return SegmentRows(
        np.asarray([span.start for span in spans], dtype=np.int64),
        np.asarray([span.end for span in spans], dtype=np.int64),
        [span.label for span in spans],
        np.cumsum([0, *map(len, rows)]),
    )


def _from_structures(columns: Columns, column: str) -> SegmentRows:
    array = columns.arrow(column)
    kind = array.type.value_type if pa.types.is_list(array.type) or pa.types.is_large_list(array.type) else None
    names = {kind.field(i).name for i in range(kind.num_fields)} if kind is not None and pa.types.is_struct(kind) else set()
    if not names >= {"start", "end"}:
        raise DataError(f"column {column!r} holds {array.type}; expected a list of segments, each with start, end and label")
    values, offsets = array.flatten(), np.asarray(array.offsets, dtype=np.int64)
    starts, ends = (_whole_numbers(values.field(name), columns, column=column, offsets=offsets) for name in ("start", "end"))
    labels = values.field("label").to_pylist() if "label" in names else [None] * len(starts)
    found = SegmentRows(starts, ends, labels, offsets - offsets[0])
    is_sound = (starts >= 0) & (starts < ends)
    if not is_sound.all():
        segment = int(np.argmin(is_sound))
        row = int(np.searchsorted(found.offsets, segment, side="right")) - 1
        raise DataError(
            f"{columns.place(row)} has a segment in column {column!r} from {starts[segment]} to {ends[segment]}; "
            "expected 0 <= start < end"
        )
    return found


def _whole_numbers(values: pa.Array, columns: Columns, *, column: str, offsets: np.ndarray) -> np.ndarray:
    if not pa.types.is_integer(values.type):
        raise DataError(f"column {column!r} has segments from or to {values.type}; expected whole numbers")
    if values.null_count:
        segment = int(np.argmax(values.is_null().to_numpy(zero_copy_only=False)))
        row = int(np.searchsorted(offsets - offsets[0], segment, side="right")) - 1
        raise DataError(f"{columns.place(row)} has a segment in column {column!r} without a start or an end; expected both")
    numbers: np.ndarray = values.to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers


@final
@dataclass(frozen=True)
class SegmentBounds:
    """Where the segments of a batch lie; places beyond a record's `counts` are 0."""

    starts: Int[Tensor, "batch segment"]
    ends: Int[Tensor, "batch segment"]
    """Exclusive."""
    counts: Int[Tensor, " batch"]

    def to(self, device: torch.device) -> "SegmentBounds":
        """Return the same on `device`."""
        return SegmentBounds(self.starts.to(device), self.ends.to(device), self.counts.to(device))


@final
class EncodedSegments(EncodedColumn):
    """Bounds of segments; every record must have the steps that its segments reach."""

    def __init__(self, rows: SegmentRows) -> None:
        self.starts, self.ends = Ragged(rows.starts, rows.offsets), Ragged(rows.ends, rows.offsets)
        self.reach = np.asarray([rows.ends[rows.of(i)].max(initial=0) for i in range(len(rows.offsets) - 1)], dtype=np.int64)

    def collate(self, rows: Int[np.ndarray, " batch"]) -> SegmentBounds:
        """Return the bounds of `rows`."""
        starts, ends = (torch.from_numpy(part.padded(rows, padding=0)) for part in (self.starts, self.ends))
        return SegmentBounds(starts, ends, torch.from_numpy(self.starts.lengths[rows]))


@final
@dataclass
class SegmentBoundsField(Field):
    """Where the segments lie: an input. There is nothing to learn."""

    column: str
    scheme: str | None
    """None: the column lists segments, (start, end) of steps, which may overlap and leave gaps; a span scheme (BIO …): it has a
    tag a step, of which the bounds alone are read."""

    def fit(self, columns: Columns) -> None:
        """Learn nothing."""

    def encode(self, columns: Columns) -> EncodedSegments:
        """Return the bounds."""
        return EncodedSegments(self.read(columns))

    def read(self, columns: Columns) -> SegmentRows:
        """Return the segments as the records have them."""
        return read_segments(columns, self.column, scheme=self.scheme)

    def state(self) -> Mapping[str, Any]:
        """Return nothing."""
        return {}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take over nothing."""


@final
@dataclass
class SegmentLabelField(TagTargets):
    """Ids of the labels of given segments, from 0 on; a segment without a label, or with one never seen, has `NO_TARGET`.

    Bounds may stand in another column than labels: then a segment has the label of the span in `column` that begins and ends
    where it does, or none.
    """

    column: str
    scheme: str | None
    """Of `column`, as in `SegmentBoundsField`."""
    bounds: SegmentBoundsField | None = None
    """None: where `column` has them."""
    tags: list[str] = field(init=False, repr=False)

    def fit(self, columns: Columns) -> None:
        """Collect the labels, most frequent first.

        Raises: DataError when training has no label at all.
        """
        labels = [label for row in self.gold(columns) for label in row if label is not None]
        if not labels:
            raise DataError(f"column {self.column!r} has no labelled segment in the training records")
        distinct, counts = np.unique(labels, return_counts=True)
        self.tags = [str(label) for _, label in sorted(zip(-counts, distinct, strict=True))]

    def encode(self, columns: Columns) -> EncodedIds:
        """Return the id of each segment's label."""
        ids = {label: i for i, label in enumerate(self.tags)}
        rows = self.gold(columns)
        values = [NO_TARGET if label is None else ids.get(label, NO_TARGET) for row in rows for label in row]
        offsets = np.cumsum([0, *map(len, rows)])
        return EncodedIds(Ragged(np.asarray(values, dtype=np.int64), offsets), padding=NO_TARGET, is_per_step=False)

    def gold(self, columns: Columns) -> list[list[str | None]]:
        """Return the labels of each record's segments, None for one without."""
        found = read_segments(columns, self.column, scheme=self.scheme)
        if self.bounds is None or self.bounds.column not in columns:
            return [found.labels[found.of(i)] for i in range(len(columns))]
        given = self.bounds.read(columns)
        return [_labels_at(given, found, row) for row in range(len(columns))]

    def state(self) -> Mapping[str, Any]:
        """Return the labels in the order of their ids."""
        return {"labels": self.tags}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take over the labels."""
        self.tags = list(state["labels"])


def _labels_at(given: SegmentRows, found: SegmentRows, row: int) -> list[str | None]:
    """Return the label of each given segment; of several with the same bounds, each has its own, in their order."""
    own, other = given.of(row), found.of(row)
    labels: dict[tuple[int, int], list[str | None]] = {}
    for start, end, label in zip(found.starts[other], found.ends[other], found.labels[other], strict=True):
        labels.setdefault((start, end), []).append(label)
    queues = [labels.get(bounds, [None]) for bounds in zip(given.starts[own], given.ends[own], strict=True)]
    return [queue.pop(0) if len(queue) > 1 else queue[0] for queue in queues]
