"""Distribution over the segmentations of a record: a semi-Markov model."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.data.schemes import Scheme
from seqlab.functional import semi_markov
from seqlab.functional.semi_markov import Segmentation, SemiMarkov
from seqlab.heads.distributions.base import Distribution
from seqlab.types import Alternative, Prediction, Span


@final
class Segmentations(Distribution):
    """Segmentations of a record into spans of `labels` and single steps outside them (label 0), as tags in `scheme`."""

    def __init__(self, model: SemiMarkov, labels: Sequence[str], scheme: Scheme) -> None:
        self.model, self.labels, self.scheme = model, labels, scheme

    @cached_property
    def best(self) -> list[Segmentation]:
        """The most probable segmentation of each record."""
        return semi_markov.viterbi(self.model)[0]

    @cached_property
    def marginals(self) -> Float[Tensor, "batch time length label"]:
        """Probability of the segment of each length and label that ends at each step."""
        return semi_markov.marginals(self.model)

    @cached_property
    def span_probs(self) -> list[list[float]]:
        """Probability of each segment of `best`."""
        return semi_markov.probs_of(self.marginals, self.best)

    @cached_property
    def entropy(self) -> Float[Tensor, " batch"]:
        """Entropy of the distribution over segmentations."""
        return semi_markov.entropy(self.model)

    def answers(self, *, use_confidences: bool) -> list[Prediction]:
        """Return the tags of the best segmentation; the confidence of a tag is the probability of its segment."""
        labels = map(self._encode, self.best)
        if not use_confidences:
            return [Prediction(row, []) for row in labels]
        # each step of a segment has the probability of the segment
        by_step = [
            [p for (start, end, _), p in zip(segments, probs, strict=True) for _ in range(start, end)]
            for segments, probs in zip(self.best, self.span_probs, strict=True)
        ]
        return list(map(Prediction, labels, by_step))

    def n_best(self, n: int) -> list[list[Alternative]]:
        """Return the tags of the `n` most probable segmentations."""
        found, log_probs = semi_markov.best_paths(self.model, n)
        return [
            [Alternative(self._encode(one), math.exp(log)) for one, log in zip(row, logs, strict=True) if log > -math.inf]
            for row, logs in zip(found, log_probs.tolist(), strict=True)
        ]

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> list[list[Segmentation]]:
        """Return `n` segmentations of each record, drawn by their probabilities."""
        return semi_markov.sample(self.model, n, generator=generator)

    def _encode(self, segments: Segmentation) -> list[str]:
        spans = [Span(start, end, self.labels[label - 1]) for start, end, label in segments if label]
        return self.scheme.encode(spans, n_steps=segments[-1][1] if segments else 0)
