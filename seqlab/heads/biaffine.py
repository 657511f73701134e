"""The biaffine head: finds nested spans, which tags cannot encode (Yu, Bohnet and Poesio 2020)."""

import math
from collections.abc import Sequence
from itertools import compress
from types import MappingProxyType
from typing import Any, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seqlab.data.batch import Batch, EncodedRecords
from seqlab.data.columns import Columns
from seqlab.data.fields import NO_TARGET, EncodedSpans, LabelledSpan, LabelledSpans, SpanField
from seqlab.functional.padding import step_mask
from seqlab.heads.base import Head
from seqlab.heads.distributions.span_candidates import SpanCandidates
from seqlab.heads.parts.answers import Answer, Answered, SpanAnswer
from seqlab.heads.parts.counts import SPAN_F1, Counted, span_set_counts
from seqlab.heads.parts.misfits import report_misfits
from seqlab.heads.parts.options import check_option
from seqlab.heads.parts.span_scorer import BiaffineSpanScores
from seqlab.heads.parts.span_views import PredictedSpans, spans_of
from seqlab.heads.parts.temperature import Temperature
from seqlab.metrics import calibration_scores, span_set_scores
from seqlab.steps import Steps
from seqlab.types import Prediction, Span


@final
class BiaffineSpanHead(Head):
    """Gives every span of limited width a label or none, each by its own softmax.

    Of the spans whose best label scores above none, the one with the largest margin is taken first, then those that do not
    conflict with the spans taken so far. Spans that are too wide, or cross others, are missed. Of two gold labels of one span,
    the rarer counts. A span with a label unseen in training is left out of the loss.

    Args:
        target: Field of the spans.
        input_width: Features per step.
        summary_width: Features of the encoder's summary; not used.
        hidden_width: Width of the layers for the first and the last step of a span, at least 1.
        drop_prob: Dropout of these layers, from 0 to below 1.
        max_width: Steps of the widest span that can be found, at least 1; None: no limit.
        can_nest: Whether a span may lie within another; False: predicted spans share no step.
        omission_cost: Nats, at least 0, that "no label" gains in training for spans that have one: more recall for less
            precision. 0 is the plain likelihood.
    """

    kind = "span"
    # bounds of spans count the steps of the record
    is_of_record_steps = True
    main_metric = "span_f1/strict"
    own_score = "span_f1"
    lacks = MappingProxyType(
        dict.fromkeys(("n_best", "entropy"), "it knows the probability of each span, not of all spans of a record together")
    )
    item_axes = MappingProxyType(
        dict.fromkeys(("scores.within.weight", "scores.last.weight", "scores.first.weight"), "l-")
        | {"scores.first.bias": "l", "scores.widths": "-l", "scores.products": "-l-"}
    )
    target: SpanField

    def __init__(
        self,
        *,
        target: SpanField,
        input_width: int,
        summary_width: int,
        hidden_width: int = 150,
        drop_prob: float = 0.3,
        max_width: int | None = 30,
        can_nest: bool = True,
        omission_cost: float = 0.0,
    ) -> None:
        super().__init__()
        check_option(max_width is None or max_width >= 1, "at least 1 step, or null for no limit", max_width=max_width)
        check_option(0 <= omission_cost < math.inf, "a number, at least 0", omission_cost=omission_cost)
        check_option(hidden_width >= 1, "at least 1", hidden_width=hidden_width)
        self.target, self.max_width, self.can_nest, self.omission_cost = target, max_width, can_nest, omission_cost
        self.scores = BiaffineSpanScores(input_width, hidden_width, 1 + len(target.labels), drop_prob=drop_prob)
        self.temperature = Temperature()

    def axis_items(self, axis: str) -> list[str]:
        """Return the labels after that of spans without one, which has no name."""
        return ["", *self.target.labels]

    def check_records(self, records: EncodedRecords, *, split: str, is_taught: bool) -> None:
        """Report the spans that are too wide to be found."""
        encoded = records.encoded[self.target.key]
        assert isinstance(encoded, EncodedSpans), type(encoded)
        widths = encoded.bounds.ends.values - encoded.bounds.starts.values
        n_too_wide = 0 if self.max_width is None else int((widths > self.max_width).sum())
        reason = f"have more than {self.max_width} steps"
        remedy = f"with {self.path}.max_width={widths.max(initial=0)} all would fit"
        report_misfits(n_too_wide, len(widths), reason, remedy, path=self.path, split=split, is_taught=is_taught, unit="spans")

    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the negative log-likelihood of the labels of all spans, per step."""
        gold = batch.tensors(self.target)
        assert isinstance(gold, LabelledSpans), type(gold)
        believed = self.distribution(steps, batch)
        scores, targets = self.temperature(believed.scores), _targets(gold, believed.is_span)
        if self.training:
            # softmax-margin: missing a span must score lower than its label by the cost (Gimpel and Smith 2010)
            is_labelled = (targets > 0).unsqueeze(3)
            scores = torch.cat([scores[..., :1] + self.omission_cost * is_labelled, scores[..., 1:]], 3)
        losses = nn.functional.cross_entropy(scores.flatten(0, 2), targets.flatten(), ignore_index=NO_TARGET, reduction="sum")
        # per step, not per span: the number of spans grows with the square of the length
        return losses / steps.lengths.sum().clamp(min=1)

    def distribution(self, steps: Steps, batch: Batch) -> SpanCandidates:
        """Return the distributions over the labels of all spans."""
        scores = self._scores(steps)
        firsts, widths = (torch.arange(size, device=scores.device) for size in scores.shape[1:3])
        is_span = firsts[:, None] + widths < steps.lengths[:, None, None]
        return SpanCandidates(scores, is_span, self.target.labels, temperature=self.temperature, can_nest=self.can_nest)

    def gold(self, columns: Columns) -> list[list[LabelledSpan]]:
        """Return the bounds and labels of each record's spans; the label is None if it is unknown."""
        return self.target.gold(columns)

    @property
    def spans(self) -> PredictedSpans:
        """A label with its bounds is a span."""
        return PredictedSpans(self.target.labels, self.gold)

    @classmethod
    def counted(cls, target: Any) -> list[Counted]:
        """Return the counts of spans."""
        return [Counted(SPAN_F1, span_set_counts)]

    def shown(self, records: Sequence[Answered]) -> Sequence[Answer]:
        """Return the spans of each record."""
        return [_shown_spans(record) for record in records]

    def score(self, gold: Sequence[Sequence[LabelledSpan]], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return precision, recall and F1 of spans, nested ones included; spans without a gold label are left out."""
        known, found = [], []
        confidences: list[float] = []
        for spans, prediction in zip(gold, predictions, strict=True):
            # predictions at spans whose gold label is unknown are neither correct nor wrong
            unlabelled = {bounds for bounds, label in spans if label is None}
            known.append([Span(*bounds, label) for bounds, label in spans if label is not None])
            is_counted = [bounds not in unlabelled for bounds in prediction.bounds or []]
            found.append(list(compress(spans_of(prediction), is_counted)))
            confidences += compress(prediction.confidences, is_counted)
        scores = span_set_scores(known, found)
        is_correct = [span in spans for spans, row in zip(map(set, known), found, strict=True) for span in row]
        return {**scores, **(calibration_scores(confidences, is_correct) if confidences else {})}

    def _scores(self, steps: Steps) -> Float[Tensor, "batch time width label"]:
        n_steps = steps.values.shape[1]
        max_width = n_steps if self.max_width is None else min(self.max_width, n_steps)
        # zeros for padding: the spans of the last steps reach into it, and NaN would spread
        scores: Tensor = self.scores(steps.zero_padded().values, max_width=max_width)
        return scores.float()


def _targets(gold: LabelledSpans, is_span: Bool[Tensor, "batch time width"]) -> Int[Tensor, "batch time width"]:
    """Return the label of every span, 0 for none; `NO_TARGET` if it is unknown, or the span ends beyond the record."""
    bounds, n_widths = gold.bounds, is_span.shape[2]
    is_given = step_mask(bounds.counts, bounds.starts.shape[1])
    widths = bounds.ends - bounds.starts
    records, places = torch.nonzero(is_given & (widths <= n_widths), as_tuple=True)
    # place of each span in the flattened (batch, time, width)
    index = (records * is_span.shape[1] + bounds.starts[records, places]) * n_widths + widths[records, places] - 1
    # "amax": of two labels of one span the rarer, because ids are sorted by frequency; 0 and NO_TARGET are below all labels
    ids = gold.labels[records, places]
    targets = torch.zeros_like(is_span, dtype=torch.long).flatten()
    targets = targets.scatter_reduce(0, index, torch.where(ids == NO_TARGET, ids, ids + 1), "amax", include_self=False)
    return targets.view_as(is_span).masked_fill(~is_span, NO_TARGET)


def _shown_spans(record: Answered) -> SpanAnswer:
    right = {Span(start, end, label) for (start, end), label in record.gold if label is not None}
    found = spans_of(record.prediction)
    words = record.words([span[:2] for span in (*right, *found)])
    return SpanAnswer(record.id, words, sorted(right), found, record.prediction.confidences)
