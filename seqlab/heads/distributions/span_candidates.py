"""Distributions over the labels of candidate spans, one per span."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqlab.heads.distributions.base import Distribution
from seqlab.heads.parts.non_crossing import best_spans
from seqlab.heads.parts.temperature import Temperature
from seqlab.types import Prediction


@final
@dataclass(eq=False)
class SpanCandidates(Distribution):
    """Each span of a record has one of `labels` or none, by a softmax over its scores; the first score is that of none.

    `scores[:, t, d]` are those of the span of d + 1 steps from step t on; `is_span` is True if it ends within the record.
    Unless spans `can_nest`, predicted spans share no step.
    """

    scores: Float[Tensor, "batch time width label"]
    is_span: Bool[Tensor, "batch time width"]
    labels: Sequence[str]
    _: KW_ONLY
    temperature: Temperature
    can_nest: bool

    @cached_property
    def candidates(self) -> tuple[Int[Tensor, " candidate"], ...]:
        """Record, first step, width - 1 and label of the spans whose best label scores higher than none."""
        places = torch.nonzero((self._gains > 0) & self.is_span, as_tuple=True)
        return *places, self._best.indices[places]

    @cached_property
    def span_probs(self) -> Float[Tensor, " candidate"]:
        """Probability of the label of each candidate."""
        *places, labels = self.candidates
        probs: Tensor = self.temperature(self.scores[tuple(places)]).softmax(1)
        return probs.gather(1, 1 + labels[:, None])[:, 0]

    @cached_property
    def _best(self) -> "torch.return_types.max":
        return self.scores[..., 1:].max(3)

    @cached_property
    def _gains(self) -> Float[Tensor, "batch time width"]:
        # not divided by the temperature, which changes neither the sign of a gain nor the order of gains
        return self._best.values - self.scores[..., 0]

    def answers(self, *, use_confidences: bool) -> list[Prediction]:
        """Return the predicted spans by their start, outer ones first; a confidence is the probability of the label."""
        # lists on the CPU: which spans remain depends on the spans chosen before
        found: list[list[tuple[tuple[int, int], float, int, float]]] = [[] for _ in range(len(self.scores))]
        records, starts, widths, labels = self.candidates
        columns = (records, starts, widths, self._gains[records, starts, widths], labels, self.span_probs)
        for record, start, width, gain, label, prob in zip(*(column.tolist() for column in columns), strict=True):
            found[record].append(((start, start + width + 1), gain, label, prob))
        return [self._answer(spans, use_confidences=use_confidences) for spans in found]

    def _answer(self, found: list[tuple[tuple[int, int], float, int, float]], *, use_confidences: bool) -> Prediction:
        chosen = best_spans([span for span, *_ in found], [gain for _, gain, *_ in found], can_nest=self.can_nest)
        labels = [self.labels[found[i][2]] for i in chosen]
        return Prediction(labels, [found[i][3] for i in chosen] if use_confidences else [], [found[i][0] for i in chosen])
