"""Spans that are to be found: where they lie and what each is called, both of them wanted."""

from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from seqlab.data.columns import Columns, Ragged
from seqlab.data.fields.base import NO_TARGET, EncodedColumn
from seqlab.data.fields.labels import CollectedLabels
from seqlab.data.fields.segments import EncodedSegments, SegmentBounds, SegmentRows, read_segments
from seqlab.errors import DataError

LabelledSpan: TypeAlias = tuple[tuple[int, int], str | None]
"""First step, the one after the last, and the label; None where nobody has given one."""


@final
@dataclass(frozen=True)
class LabelledSpans:
    """The spans of a batch."""

    bounds: SegmentBounds
    labels: Int[Tensor, "batch span"]
    """`NO_TARGET` for a span without a label or with one never seen in training, and beyond a record's last span."""

    def to(self, device: torch.device) -> "LabelledSpans":
        """Return the same on `device`."""
        return LabelledSpans(self.bounds.to(device), self.labels.to(device))


@final
class EncodedSpans(EncodedColumn):
    """Bounds and labels of spans; every record must have the steps that its spans reach."""

    def __init__(self, rows: SegmentRows, ids: Int[np.ndarray, " span"]) -> None:
        self.bounds = EncodedSegments(rows)
        self.reach = self.bounds.reach
        self.labels = Ragged(ids, rows.offsets)

    def collate(self, rows: Int[np.ndarray, " batch"]) -> LabelledSpans:
        """Return the spans of `rows`."""
        return LabelledSpans(self.bounds.collate(rows), torch.from_numpy(self.labels.padded(rows, padding=NO_TARGET)))


@final
@dataclass
class SpanField(CollectedLabels):
    """Spans in any number and order, which may overlap, lie in each other and leave gaps; labels have ids from 0 on."""

    scheme: str | None
    """Of `column`, as in `SegmentBoundsField`."""

    def fit(self, columns: Columns) -> None:
        """Collect the labels, most frequent first.

        Raises: DataError when training has no labelled span at all.
        """
        labels = [label for label in self._read(columns).labels if label is not None]
        if not labels:
            raise DataError(f"column {self.column!r} has no labelled span in the training records")
        distinct, counts = np.unique(labels, return_counts=True)
        self.labels = [str(label) for _, label in sorted(zip(-counts, distinct, strict=True))]

    def encode(self, columns: Columns) -> EncodedSpans:
        """Return bounds and ids of labels."""
        rows = self._read(columns)
        ids = {label: i for i, label in enumerate(self.labels)}
        values = [NO_TARGET if label is None else ids.get(label, NO_TARGET) for label in rows.labels]
        return EncodedSpans(rows, np.asarray(values, dtype=np.int64))

    def gold(self, columns: Columns) -> list[list[LabelledSpan]]:
        """Return the bounds and labels of each record's spans."""
        rows = self._read(columns)
        found = list(zip(zip(rows.starts.tolist(), rows.ends.tolist(), strict=True), rows.labels, strict=True))
        return [found[rows.of(i)] for i in range(len(columns))]

    def _read(self, columns: Columns) -> SegmentRows:
        return read_segments(columns, self.column, scheme=self.scheme)
