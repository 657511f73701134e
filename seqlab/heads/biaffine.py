"""The biaffine head finds spans that may lie in each other, which no tags can spell (Yu, Bohnet and Poesio 2020)."""

from collections.abc import Sequence
from typing import Any, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seqlab.data.batch import Batch, EncodedRecords
from seqlab.data.columns import Columns
from seqlab.data.fields import NO_TARGET, EncodedSpans, LabelledSpan, LabelledSpans, SpanField
from seqlab.errors import ConfigError
from seqlab.functional.padding import step_mask
from seqlab.heads.base import Head
from seqlab.heads.parts.misfits import Misfits
from seqlab.heads.parts.non_crossing import best_spans
from seqlab.heads.parts.ranges import check_at_least
from seqlab.heads.parts.span_scorer import BiaffineSpanScores
from seqlab.heads.parts.span_views import FoundStretches, spans_of
from seqlab.heads.parts.temperature import Temperature
from seqlab.metrics import calibration_scores, span_set_scores
from seqlab.steps import Steps
from seqlab.types import Prediction, Span


@final
class BiaffineSpanHead(Head):
    """Every span of at most `max_width` steps (None: of any width) has a label or none, each by a softmax of its own.

    Of the spans whose best label beats none, the one that beats it by most is found first, then what does not cross those
    found; unless spans `can_nest`, what does not overlap them. In training, none scores `omission_cost` nats more for spans
    that have a label: more recall for less precision. Spans that are wider, or cross others, are missed; of two labels of
    one span the rarer is learned. A span whose label training never saw teaches nothing.
    """

    target: SpanField
    why_unranked = why_no_entropy = "it says how probable each span is by itself, not all of a record together"

    def __init__(
        self,
        *,
        target: SpanField,
        input_width: int,
        summary_width: int,
        hidden_width: int,
        drop_prob: float,
        max_width: int | None,
        can_nest: bool,
        omission_cost: float,
    ) -> None:
        super().__init__()
        if max_width is not None and max_width < 1:
            raise ConfigError(f"heads.spans.max_width is {max_width}; expected at least 1 step, or null for no limit")
        check_at_least(omission_cost, 0, path="heads.spans.omission_cost")
        check_at_least(hidden_width, 1, path="heads.spans.hidden_width")
        self.target = target
        self.max_width, self.can_nest, self.omission_cost = max_width, can_nest, omission_cost
        n_labels = 1 + len(target.labels)
        self.scores = BiaffineSpanScores(
            input_width=input_width, hidden_width=hidden_width, n_labels=n_labels, drop_prob=drop_prob
        )
        self.temperature = Temperature()

    @property
    def is_of_record_steps(self) -> bool:
        """Its spans are stretches of them."""
        return True

    @property
    def main_metric(self) -> str:
        """F1 of spans whose bounds and label are right."""
        return "span_f1/strict"

    def check_records(self, records: EncodedRecords, *, split: str, is_taught: bool) -> None:
        """Tell of the spans that are too wide to be found."""
        encoded = records.encoded[self.target.key]
        assert isinstance(encoded, EncodedSpans), type(encoded)
        widths = encoded.bounds.ends.values - encoded.bounds.starts.values
        n_too_wide = 0 if self.max_width is None else int((widths > self.max_width).sum())
        reason = f"have more than {self.max_width} steps"
        remedy = f"with heads.spans.max_width={widths.max(initial=0)} all would fit"
        Misfits("heads.spans", split, n_too_wide, len(widths), reason, remedy, unit="spans").tell(is_taught=is_taught)

    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the negative log-likelihood of the labels of all spans, a step."""
        gold = batch.tensors(self.target)
        assert isinstance(gold, LabelledSpans), type(gold)
        scores = self.temperature(self._scores(steps))
        targets = self._targets(gold, self._is_span(steps, scores.shape[2]))
        if self.training:
            is_labelled = (targets > 0).unsqueeze(3)
            scores = torch.cat([scores[..., :1] + self.omission_cost * is_labelled, scores[..., 1:]], 3)
        losses = nn.functional.cross_entropy(scores.flatten(0, 2), targets.flatten(), ignore_index=NO_TARGET, reduction="sum")
        return losses / steps.lengths.sum().clamp(min=1)

    def predict(self, steps: Steps, batch: Batch, *, use_confidences: bool) -> list[Prediction]:
        """Return the spans found, by their start, outer ones first; a confidence is the probability of the label."""
        scores = self._scores(steps)
        best, labels = scores[..., 1:].max(3)
        gains = best - scores[..., 0]  # the temperature would change no sign, and no order
        records, starts, widths = torch.nonzero((gains > 0) & self._is_span(steps, scores.shape[2]), as_tuple=True)
        places = (records, starts, widths)
        probs = self.temperature(scores[places]).softmax(1).gather(1, 1 + labels[places][:, None])[:, 0]
        found: list[list[tuple[tuple[int, int], float, int, float]]] = [[] for _ in range(len(steps.lengths))]
        columns = (*places, gains[places], labels[places], probs)
        for record, start, width, gain, label, prob in zip(*(column.tolist() for column in columns), strict=True):
            found[record].append(((start, start + width + 1), gain, label, prob))
        return [self._prediction(spans, use_confidences=use_confidences) for spans in found]

    def gold(self, columns: Columns) -> list[list[LabelledSpan]]:
        """Return the bounds and labels of each record's spans, None for one that nobody has labelled."""
        return self.target.gold(columns)

    @property
    def spans(self) -> FoundStretches:
        """Its labels are of spans."""
        return FoundStretches(self.target.labels, self.gold)

    def score(self, gold: Sequence[Sequence[LabelledSpan]], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return precision, recall and F1 of spans, also of those that lie in others; spans without a label are left out."""
        unlabelled = [{bounds for bounds, label in spans if label is None} for spans in gold]
        known = [[Span(*bounds, label) for bounds, label in spans if label is not None] for spans in gold]
        found = [
            [(span, sure) for span, sure in _with_sureness(prediction) if (span.start, span.end) not in left_out]
            for prediction, left_out in zip(predictions, unlabelled, strict=True)
        ]
        judged = [(sure, span in spans) for spans, row in zip(map(set, known), found, strict=True) for span, sure in row]
        sureness, is_right = [sure for sure, _ in judged if sure is not None], [right for _, right in judged]
        scores = span_set_scores(known, [[span for span, _ in row] for row in found])
        return {**scores, **(calibration_scores(sureness, is_right) if sureness else {})}

    def _scores(self, steps: Steps) -> Float[Tensor, "batch time width label"]:
        n_steps = steps.values.shape[1]
        max_width = n_steps if self.max_width is None else min(self.max_width, n_steps)
        scores: Tensor = self.scores(steps.zero_padded().values, max_width=max_width)
        return scores.float()

    def _is_span(self, steps: Steps, max_width: int) -> Bool[Tensor, "batch time width"]:
        """Return which spans end within their record."""
        lasts = torch.arange(steps.values.shape[1], device=steps.values.device)[:, None] + torch.arange(
            max_width, device=steps.values.device
        )
        return lasts < steps.lengths[:, None, None]

    def _targets(self, gold: LabelledSpans, is_span: Bool[Tensor, "batch time width"]) -> Int[Tensor, "batch time width"]:
        """Return the label of every span, 0 for none; `NO_TARGET` where it is unknown or there is no span."""
        bounds, n_widths = gold.bounds, is_span.shape[2]
        is_given = step_mask(bounds.counts, bounds.starts.shape[1])
        widths = bounds.ends - bounds.starts
        is_too_wide = is_given & (widths > n_widths)
        records, places = torch.nonzero(is_given & ~is_too_wide, as_tuple=True)
        index = (records * is_span.shape[1] + bounds.starts[records, places]) * n_widths + widths[records, places] - 1
        ids = gold.labels[records, places]
        targets = torch.zeros_like(is_span, dtype=torch.long).flatten()
        targets = targets.scatter_reduce(0, index, torch.where(ids == NO_TARGET, ids, ids + 1), "amax", include_self=False)
        return targets.view_as(is_span).masked_fill(~is_span, NO_TARGET)

    def _prediction(self, found: list[tuple[tuple[int, int], float, int, float]], *, use_confidences: bool) -> Prediction:
        chosen = best_spans([span for span, *_ in found], [gain for _, gain, *_ in found], can_nest=self.can_nest)
        labels = [self.target.labels[found[i][2]] for i in chosen]
        return Prediction(labels, [found[i][3] for i in chosen] if use_confidences else [], [found[i][0] for i in chosen])


def _with_sureness(prediction: Prediction) -> list[tuple[Span, float | None]]:
    """Return the spans with their confidences, None where none were asked for."""
    spans = spans_of(prediction)
    sureness: list[float | None] = [*prediction.confidences] or [None] * len(spans)
    return list(zip(spans, sureness, strict=True))
