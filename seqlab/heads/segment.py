"""The segment head: the segments are given, their labels are wanted."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.data.batch import Batch
from seqlab.data.columns import Columns
from seqlab.data.fields import SegmentBounds, SegmentBoundsField, SegmentLabelField
from seqlab.errors import ConfigError
from seqlab.functional.dropout import NaiveDropout
from seqlab.functional.padding import step_mask
from seqlab.heads.base import Head
from seqlab.heads.crf import CrfTokenHead
from seqlab.heads.parts.pooling import get_pooling
from seqlab.heads.parts.span_views import GivenSegments, GoldSpans
from seqlab.heads.softmax import SoftmaxTokenHead
from seqlab.metrics import classification_scores
from seqlab.steps import Steps
from seqlab.types import Alternative, Prediction


@final
class SegmentHead(Head):
    """One label for each given segment, which it sees as the encoder left its steps: in the context of the whole sequence.

    A segment is a short sequence: `pooling` (mean, max, ends, attention) makes one vector of it, and the vectors of a record's
    segments, in the order given, are a sequence in turn, labelled each by itself (softmax) or, with `has_transitions`, by a
    linear-chain CRF. Segments may overlap and leave gaps.
    """

    target: SegmentLabelField
    why_unranked = None
    why_no_entropy = None

    def __init__(
        self,
        *,
        target: SegmentLabelField,
        bounds: SegmentBoundsField,
        input_width: int,
        summary_width: int,
        pooling: str,
        drop_prob: float,
        has_transitions: bool,
    ) -> None:
        super().__init__()
        if pooling == "last":
            raise ConfigError("heads.segments.pooling is 'last', the encoder's summary of a whole record; expected another")
        self.target = target
        self.bounds = bounds
        self.pooling = get_pooling(pooling, input_width=input_width, summary_width=summary_width)
        self.dropout = NaiveDropout(drop_prob=drop_prob)
        width = self.pooling.output_width
        self.labels: CrfTokenHead | SoftmaxTokenHead
        if has_transitions:
            self.labels = CrfTokenHead(target=target, input_width=width, summary_width=width, omission_cost=0.0)
        else:
            self.labels = SoftmaxTokenHead(
                target=target,
                input_width=width,
                summary_width=width,
                is_constrained=False,
                class_weights={},
                label_smoothing=0.0,
                focal_gamma=0.0,
            )
            self.why_unranked = "it labels each segment by itself; heads.segments.has_transitions=true ranks"

    @property
    def main_metric(self) -> str:
        """Accuracy over segments."""
        return "accuracy"

    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss a segment with a label; by a CRF, a segment."""
        return self.labels.loss(self._segments(steps, batch), batch)

    def n_targets(self, steps: Steps, batch: Batch) -> int:
        """Return the number of segments with a label; by a CRF, of segments."""
        return self.labels.n_targets(Steps(steps.values, self._bounds(batch).counts), batch)

    def predict(self, steps: Steps, batch: Batch, *, use_confidences: bool) -> list[Prediction]:
        """Return one label a segment, in the order given; its confidence is its probability."""
        found = self.labels.predict(self._segments(steps, batch), batch, use_confidences=use_confidences)
        bounds = self._bounds(batch)
        pairs = torch.stack([bounds.starts, bounds.ends], 2).tolist()
        return [
            replace(prediction, bounds=[(start, end) for start, end in row[: len(prediction.labels)]])
            for prediction, row in zip(found, pairs, strict=True)
        ]

    def best(self, steps: Steps, batch: Batch, *, n: int) -> list[list[Alternative]] | None:
        """Return the `n` likeliest sequences of labels; None where segments are labelled each by itself."""
        return self.labels.best(self._segments(steps, batch), batch, n=n)

    def entropy(self, steps: Steps, batch: Batch) -> Float[Tensor, " batch"] | None:
        """Return the entropy of the distribution over sequences of labels."""
        return self.labels.entropy(self._segments(steps, batch), batch)

    def gold(self, columns: Columns) -> list[list[str | None]]:
        """Return the labels of each record's segments, None for one without."""
        return self.target.gold(columns)

    def score(self, gold: Sequence[Sequence[str | None]], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return accuracy and F1 over the segments with a label."""
        pairs = [
            (label, guess)
            for labels, prediction in zip(gold, predictions, strict=True)
            for label, guess in zip(labels, prediction.labels, strict=True)
            if label is not None
        ]
        return classification_scores([label for label, _ in pairs], [guess for _, guess in pairs])

    @property
    def spans(self) -> GivenSegments:
        """A segment with its label is a span."""
        return GivenSegments(self.target.tags, self._gold_spans)

    def _gold_spans(self, columns: Columns) -> list[GoldSpans]:
        rows = self.bounds.read(columns)
        bounds = list(zip(rows.starts.tolist(), rows.ends.tolist(), strict=True))
        return [list(zip(bounds[rows.of(i)], labels, strict=True)) for i, labels in enumerate(self.gold(columns))]

    def _bounds(self, batch: Batch) -> SegmentBounds:
        bounds = batch.tensors(self.bounds)
        assert isinstance(bounds, SegmentBounds), type(bounds)
        return bounds

    def _segments(self, steps: Steps, batch: Batch) -> Steps:
        """Return one step a segment, (batch segment feature)."""
        bounds = self._bounds(batch)
        if steps.covers is not None:
            return self._nodes(steps, steps.covers, bounds)
        records, places = torch.nonzero(step_mask(bounds.counts, bounds.starts.shape[1])).T
        starts, lengths = bounds.starts[records, places], (bounds.ends - bounds.starts)[records, places]
        n_records, n_steps, width = steps.values.shape
        within = torch.arange(max(1, int(lengths.max())) if len(lengths) else 1, device=steps.values.device)
        rows = records[:, None] * n_steps + (starts[:, None] + within).clamp(max=n_steps - 1)
        values = steps.values.flatten(0, 1).index_select(0, rows.flatten()).view(*rows.shape, width)
        pooled: Tensor = self.dropout(self.pooling(Steps(values, lengths)))
        n_places = bounds.starts.shape[1]
        laid_out = pooled.new_zeros(n_records * n_places, pooled.shape[1]).index_copy(0, records * n_places + places, pooled)
        return Steps(laid_out.view(n_records, n_places, -1), bounds.counts)

    def _nodes(self, steps: Steps, covers: Int[Tensor, "batch time 2"], bounds: SegmentBounds) -> Steps:
        """Return one step a segment, where steps cover several of the record: the first of the smallest that cover it all."""
        starts, ends = covers.unsqueeze(1).unbind(3)
        is_over = (starts <= bounds.starts.unsqueeze(2)) & (ends >= bounds.ends.unsqueeze(2)) & steps.mask.unsqueeze(1)
        sizes = (ends - starts).expand(is_over.shape).masked_fill(~is_over, torch.iinfo(torch.long).max)
        values = steps.values.take_along_dim(sizes.argmin(2, keepdim=True), 1)
        pooled = self.dropout(self.pooling(Steps(values.flatten(0, 1).unsqueeze(1), torch.ones_like(bounds.starts.flatten()))))
        return Steps(pooled.view(*bounds.starts.shape, -1), bounds.counts)
