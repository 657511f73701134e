"""Spans to predict, with their bounds and labels."""

from collections import Counter
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from seqlab.data.columns import Columns, Ragged
from seqlab.data.fields.base import NO_TARGET, EncodedColumn, TensorGroup, target_ids
from seqlab.data.fields.labels import CollectedLabels
from seqlab.data.fields.segments import EncodedSegments, SegmentBounds, SegmentRows, read_segments

LabelledSpan: TypeAlias = tuple[tuple[int, int], str | None]
"""(start, end) in steps, end exclusive, and the label; None for a span without one."""


@final
@dataclass(frozen=True)
class LabelledSpans(TensorGroup):
    """The spans of a batch."""

    bounds: SegmentBounds
    labels: Int[Tensor, "batch span"]
    """`NO_TARGET` for padding, and for a span without a label or with one that does not occur in training."""


@final
class EncodedSpans(EncodedColumn):
    """Bounds and labels of spans; a record must have all steps of its spans."""

    def __init__(self, rows: SegmentRows, ids: Int[np.ndarray, " span"]) -> None:
        self.bounds = EncodedSegments(rows)
        self.reach = self.bounds.reach
        self.labels = Ragged(ids, rows.offsets)

    def collate(self, rows: Int[np.ndarray, " batch"]) -> LabelledSpans:
        return LabelledSpans(self.bounds.collate(rows), torch.from_numpy(self.labels.padded(rows, padding=NO_TARGET)))


@final
@dataclass
class SpanField(CollectedLabels):
    """Labelled spans in any order, which may overlap, be nested and leave gaps.

    Args:
        column: Column with the spans.
        scheme: Span scheme of `column`, as in `SegmentBoundsField`.
    """

    column: str = "segments"
    scheme: str | None = None

    def counts(self, columns: Columns) -> Counter[str]:
        return Counter(label for label in self._read(columns).labels if label is not None)

    def encode(self, columns: Columns) -> EncodedSpans:
        rows = self._read(columns)
        return EncodedSpans(rows, target_ids(rows.labels, known=self.labels))

    def gold(self, columns: Columns) -> list[list[LabelledSpan]]:
        """Return the bounds and labels of the spans of each record."""
        rows = self._read(columns)
        found = list(zip(zip(rows.starts.tolist(), rows.ends.tolist(), strict=True), rows.labels, strict=True))
        return [found[rows.of(i)] for i in range(len(columns))]

    def _read(self, columns: Columns) -> SegmentRows:
        return read_segments(columns, self.column, scheme=self.scheme)
