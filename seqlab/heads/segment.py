"""The segment head: labels given segments."""

from collections.abc import Sequence
from typing import Any, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.data.batch import Batch
from seqlab.data.columns import Columns
from seqlab.data.fields import SegmentBounds, SegmentBoundsField, SegmentLabelField
from seqlab.functional.dropout import NaiveDropout
from seqlab.functional.padding import step_mask
from seqlab.heads.base import Head
from seqlab.heads.crf import CrfTokenHead
from seqlab.heads.distributions import Distribution
from seqlab.heads.parts.answers import Answer, Answered, LabelAnswer
from seqlab.heads.parts.counts import ACCURACY, Counted, label_counts
from seqlab.heads.parts.layer import Layer
from seqlab.heads.parts.options import check_option
from seqlab.heads.parts.pooling import get_pooling
from seqlab.heads.parts.span_views import GivenSegments, GoldSpans
from seqlab.heads.softmax import SoftmaxTokenHead
from seqlab.heads.token import TokenHead
from seqlab.metrics import classification_scores
from seqlab.steps import Steps
from seqlab.types import Prediction


@final
class SegmentHead(Head):
    """One label for each given segment, from its encoded steps, which depend on the whole record.

    The steps of a segment are pooled into one vector. The vectors of a record's segments, in the given order, are labelled as
    a sequence. Segments may overlap and leave gaps.

    Args:
        target: Field of the segments' labels.
        bounds: Field of the segments' bounds.
        input_width: Features per step.
        summary_width: Features of the encoder's summary; not used.
        pooling: How the steps of a segment become one vector: `mean`, `max`, `ends` or `attention`.
        drop_prob: Dropout of that vector, from 0 to below 1.
        has_transitions: True: a linear-chain CRF labels the segments of a record together; False: a softmax labels each
            segment independently.
    """

    kind = "segment"
    main_metric = "accuracy"
    own_score = "majority_accuracy"
    target: SegmentLabelField

    def __init__(
        self,
        *,
        target: SegmentLabelField,
        bounds: SegmentBoundsField,
        input_width: int,
        summary_width: int,
        pooling: str = "ends",
        drop_prob: float = 0.3,
        has_transitions: bool = False,
    ) -> None:
        super().__init__()
        # the summary is that of the record, so all segments would get the same vector
        rule = "mean, max, ends or attention (last is the encoder's summary of a whole record)"
        check_option(pooling != "last", rule, pooling=pooling)
        self.target, self.bounds = target, bounds
        self.pooling = get_pooling(pooling, input_width=input_width, summary_width=summary_width)
        self.dropout = NaiveDropout(drop_prob=drop_prob)
        # the sequence of segments is labelled like a sequence of tokens, by the same heads
        width = self.pooling.output_width
        kind = CrfTokenHead if has_transitions else SoftmaxTokenHead
        self.labels: TokenHead = kind(target=target, input_width=width, summary_width=width)
        self.lacks = {} if has_transitions else {"n_best": "it labels each segment independently; has_transitions=true ranks"}

    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss per labelled segment; with a CRF, per segment."""
        return self.labels.loss(self._segments(steps, batch), batch)

    def n_targets(self, steps: Steps, batch: Batch) -> int:
        """Return the number of labelled segments; with a CRF, of all segments."""
        return self.labels.n_targets(Steps(steps.values, self._bounds(batch).counts), batch)

    def layer(self, *, has_steps: bool) -> Layer:
        """Return labels of segments."""
        return Layer(is_per_step=False, scheme=None, labels=self.target.tags)

    def distribution(self, steps: Steps, batch: Batch) -> Distribution:
        """Return the distribution over the labels of the segments, in the given order."""
        return self.labels.distribution(self._segments(steps, batch), batch)

    def bounds_of_labels(self, steps: Steps, batch: Batch) -> Int[Tensor, "batch label 2"]:
        """Return the bounds of the segments."""
        bounds = self._bounds(batch)
        return torch.stack([bounds.starts, bounds.ends], 2)

    def gold(self, columns: Columns) -> list[list[str | None]]:
        """Return the labels of each record's segments, None for a segment without a label."""
        return self.target.gold(columns)

    def score(self, gold: Sequence[Sequence[str | None]], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return accuracy and F1 over the labelled segments."""
        pairs = [
            (label, guess)
            for labels, prediction in zip(gold, predictions, strict=True)
            for label, guess in zip(labels, prediction.labels, strict=True)
            if label is not None
        ]
        return classification_scores([label for label, _ in pairs], [guess for _, guess in pairs])

    @classmethod
    def counted(cls, target: Any) -> list[Counted]:
        """Return the counts of correct labels."""
        return [Counted(ACCURACY, label_counts)]

    def shown(self, records: Sequence[Answered]) -> Sequence[Answer]:
        """Return a label for each segment."""
        rows = [(record, record.prediction.bounds or []) for record in records]
        return [LabelAnswer(r.id, r.words(own), own, r.gold, r.prediction.labels, r.prediction.confidences) for r, own in rows]

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
        """Return one step per segment, (batch segment feature)."""
        bounds = self._bounds(batch)
        if steps.covers is not None:
            return self._nodes(steps, steps.covers, bounds)
        records, places = torch.nonzero(step_mask(bounds.counts, bounds.starts.shape[1])).T
        starts, lengths = bounds.starts[records, places], (bounds.ends - bounds.starts)[records, places]
        n_records, n_steps, width = steps.values.shape
        within = torch.arange(max(1, int(lengths.max())) if len(lengths) else 1, device=steps.values.device)
        # steps beyond the end of a segment are padding of the pooled sequence, but must exist: hence the clamp
        rows = records[:, None] * n_steps + (starts[:, None] + within).clamp(max=n_steps - 1)
        values = steps.values.flatten(0, 1).index_select(0, rows.flatten()).view(*rows.shape, width)
        pooled: Tensor = self.dropout(self.pooling(Steps(values, lengths)))
        n_places = bounds.starts.shape[1]
        # back from a flat list of segments to padded rows
        laid_out = pooled.new_zeros(n_records * n_places, pooled.shape[1]).index_copy(0, records * n_places + places, pooled)
        return Steps(laid_out.view(n_records, n_places, -1), bounds.counts)

    def _nodes(self, steps: Steps, covers: Int[Tensor, "batch time 2"], bounds: SegmentBounds) -> Steps:
        """Return one step per segment for an encoder of tree nodes: the first of the smallest nodes that cover the segment."""
        starts, ends = covers.unsqueeze(1).unbind(3)
        is_over = (starts <= bounds.starts.unsqueeze(2)) & (ends >= bounds.ends.unsqueeze(2)) & steps.mask.unsqueeze(1)
        sizes = (ends - starts).expand(is_over.shape).masked_fill(~is_over, torch.iinfo(torch.long).max)
        values = steps.values.take_along_dim(sizes.argmin(2, keepdim=True), 1)
        pooled = self.dropout(self.pooling(Steps(values.flatten(0, 1).unsqueeze(1), torch.ones_like(bounds.starts.flatten()))))
        return Steps(pooled.view(*bounds.starts.shape, -1), bounds.counts)
