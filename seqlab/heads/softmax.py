"""Token head with independent tags: a softmax at each step."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.data.batch import Batch
from seqlab.data.fields import NO_TARGET, TagTargets
from seqlab.heads.distributions import IndependentTags
from seqlab.heads.parts.constraints import Readings, SchemeConstraints
from seqlab.heads.parts.cross_entropy import CrossEntropy, mean
from seqlab.heads.token import LinearTokenHead
from seqlab.steps import Steps


@final
class SoftmaxTokenHead(LinearTokenHead):
    """Each step by itself; with a span scheme, the best sequence of tags that the scheme allows.

    The loss is `CrossEntropy` over steps. A step with several tags that may be right counts once, with the probability of them
    all.

    Args:
        target: Field of the tags.
        input_width: Features of a step.
        summary_width: Features of the encoder's summary; not used.
        is_constrained: Whether decoding keeps to the span scheme of the target; without a scheme this changes nothing.
        class_weights: Weight of a tag in the training loss, at least 0; 1 for tags that are not in it.
        label_smoothing: Share of each training target, from 0 to below 1, that is spread over all tags.
        focal_gamma: Exponent of the focal loss in training, at least 0; 0 is the plain cross-entropy.
    """

    lacks = MappingProxyType({"n_best": "softmax says how probable each tag is by itself; crf ranks sequences of tags"})

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
            target.tags, class_weights=class_weights, label_smoothing=label_smoothing, focal_gamma=focal_gamma
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
            is_allowed = self.readings.allowed(targets[is_open])
            log_probs = flat[is_open].log_softmax(1).masked_fill(~is_allowed, -torch.inf).logsumexp(1)
            loss = loss + self.cross_entropy.focused(-log_probs, log_probs.exp()).sum()
            weight = weight + is_open.sum()
        return mean(loss, weight)

    def _distribution(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> IndependentTags:
        limits = None if self.constraints is None else self.constraints.chain(scores, steps.lengths)
        return IndependentTags(scores, steps.lengths, self.reader, limits=limits)
