"""Distributions over the labels of a record: one of several, or any number of them."""

from collections.abc import Sequence
from functools import cached_property
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.heads.distributions.base import Distribution
from seqlab.types import Alternative, Prediction


@final
class Choice(Distribution):
    """One of `labels` per record, by a softmax over `logits`.

    With `grades`, a number for each label, the value of a prediction is the expected grade.
    """

    def __init__(
        self, logits: Float[Tensor, "batch label"], labels: Sequence[str], *, grades: Float[Tensor, " label"] | None = None
    ) -> None:
        self.logits, self.labels, self.grades = logits, labels, grades

    @cached_property
    def marginals(self) -> Float[Tensor, "batch label"]:
        """Probability of each label."""
        return self.logits.softmax(1)

    @cached_property
    def best(self) -> Int[Tensor, " batch"]:
        """The most probable label."""
        return self.marginals.max(1).indices

    @cached_property
    def entropy(self) -> Float[Tensor, " batch"]:
        """Entropy of the distribution over labels."""
        nats: Tensor = torch.special.entr(self.marginals).sum(1)
        return nats

    def answers(self, *, use_confidences: bool) -> list[Prediction]:
        """Return the most probable label of each record with its probability."""
        probs = self.marginals.gather(1, self.best[:, None])[:, 0].tolist()
        # expected grade of each record, which may lie between two grades
        values = [None] * len(probs) if self.grades is None else (self.marginals @ self.grades).tolist()
        rows = zip(self.best.tolist(), probs, values, strict=True)
        return [Prediction([self.labels[i]], [p], value=value) for i, p, value in rows]

    def n_best(self, n: int) -> list[list[Alternative]]:
        """Return the `n` most probable labels."""
        probs, labels = self.marginals.topk(min(n, len(self.labels)), dim=1)
        rows = zip(labels.tolist(), probs.tolist(), strict=True)
        return [[Alternative([self.labels[i]], p) for i, p in zip(*row, strict=True)] for row in rows]


@final
class LabelSet(Distribution):
    """Any number of `labels`, independent of each other; the answer has those whose probability reaches `threshold`."""

    def __init__(self, logits: Float[Tensor, "batch label"], labels: Sequence[str], *, threshold: float) -> None:
        self.logits, self.labels, self.threshold = logits, labels, threshold

    @cached_property
    def marginals(self) -> Float[Tensor, "batch label"]:
        """Probability of each label."""
        return torch.sigmoid(self.logits)

    @cached_property
    def entropy(self) -> Float[Tensor, " batch"]:
        """Entropy of the distribution over sets of labels."""
        nats: Tensor = torch.special.entr(torch.stack([self.marginals, 1 - self.marginals])).sum((0, 2))
        return nats

    def answers(self, *, use_confidences: bool) -> list[Prediction]:
        """Return every label whose probability reaches the threshold, the most probable first."""
        return [self._answer(row) for row in self.marginals.tolist()]

    def _answer(self, probs: list[float]) -> Prediction:
        # the most probable label first
        chosen = sorted(((p, i) for i, p in enumerate(probs) if p >= self.threshold), reverse=True)
        return Prediction([self.labels[i] for _, i in chosen], [p for p, _ in chosen])
