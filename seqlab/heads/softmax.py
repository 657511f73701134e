"""Token head with independent labels: a softmax over tags at each token."""

from collections.abc import Mapping
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqlab.data.batch import Batch
from seqlab.data.fields import NO_TARGET, TagTargets
from seqlab.functional import linear_chain
from seqlab.heads.parts.constraints import Readings, SchemeConstraints
from seqlab.heads.parts.cross_entropy import CrossEntropy, mean
from seqlab.heads.token import LinearTokenHead
from seqlab.steps import Steps


@final
class SoftmaxTokenHead(LinearTokenHead):
    """Each step on its own; with a span scheme, the best sequence of tags that the scheme allows.

    The loss is `CrossEntropy` over steps. A step of which several tags may be right counts once, with the probability of them
    all.
    """

    why_unranked = "softmax says how probable each tag is by itself; crf ranks sequences of tags"

    def __init__(
        self,
        *,
        target: TagTargets,
        input_width: int,
        summary_width: int,
        is_constrained: bool,
        class_weights: Mapping[str, float],
        label_smoothing: float,
        focal_gamma: float,
    ) -> None:
        super().__init__(target=target, input_width=input_width, summary_width=summary_width)
        self.cross_entropy = CrossEntropy(
            target.tags,
            class_weights=class_weights,
            label_smoothing=label_smoothing,
            focal_gamma=focal_gamma,
            path="heads.tags",
        )
        self.constraints = SchemeConstraints(target) if is_constrained and target.span_scheme else None
        self.readings = Readings(target)

    def n_targets(self, steps: Steps, batch: Batch) -> int:
        """Return the number of steps of which something is known."""
        return int((self._tags(batch) != NO_TARGET).sum())

    def _loss(
        self, scores: Float[Tensor, "batch time tag"], tags: Int[Tensor, "batch time"], steps: Steps
    ) -> Float[Tensor, ""]:
        flat, targets = scores.flatten(0, 1), tags.flatten()
        loss, weight = self.cross_entropy(flat, self.readings.single(targets))
        is_open = targets >= len(self.target.tags)
        if is_open.any():
            logs = self._log_probability_of_any(flat[is_open], self.readings.allowed(targets[is_open]))
            loss = loss + self.cross_entropy.focused(-logs, logs.exp()).sum()
            weight = weight + is_open.sum()
        return mean(loss, weight)

    @staticmethod
    def _log_probability_of_any(scores: Float[Tensor, "step tag"], allowed: Bool[Tensor, "step tag"]) -> Float[Tensor, " step"]:
        return scores.log_softmax(1).masked_fill(~allowed, -torch.inf).logsumexp(1)

    def _decode(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Int[Tensor, "batch time"]:
        if self.constraints is None:
            return scores.argmax(2)
        chain = self.constraints.chain(scores.float().log_softmax(2), steps.lengths)
        return linear_chain.viterbi(chain)[0]

    def _probabilities(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Float[Tensor, "batch time tag"]:
        return scores.float().softmax(2)

    def _log_probabilities(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Float[Tensor, "batch time tag"]:
        return scores.float().log_softmax(2)
