"""Token head with independent tags: a softmax at each step."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.data.batch import Batch
from seqlab.data.fields import NO_TARGET, TagTargets
from seqlab.functional.widths import Linear
from seqlab.heads.distributions import IndependentTags
from seqlab.heads.parts.constraints import TagConstraints
from seqlab.heads.parts.cross_entropy import NO_WEIGHTS, CrossEntropy, mean
from seqlab.heads.parts.temperature import Temperature
from seqlab.heads.token import TokenHead
from seqlab.steps import Steps


@final
class SoftmaxTokenHead(TokenHead):
    """Predicts each tag independently; with a span scheme, the best sequence of tags that the scheme allows.

    The loss is `CrossEntropy` over steps. A step whose annotation allows several tags counts once, with their total
    probability.

    Args:
        target: Field of the tags.
        input_width: Features per step.
        summary_width: Features of the encoder's summary; not used.
        is_constrained: Whether decoding keeps to the span scheme of the target; without a scheme, this has no effect.
        class_weights: Tag -> weight of its steps in the training loss, at least 0; 1 for tags that it lacks.
        label_smoothing: Share of each training target, from 0 to below 1, that is spread evenly over all tags.
        focal_gamma: Exponent of the focal loss in training, at least 0; 0 is the plain cross-entropy.
    """

    item_axes = MappingProxyType({"projection.weight": "l-", "projection.bias": "l"})
    lacks = MappingProxyType({"n_best": "softmax predicts each tag independently; crf ranks sequences of tags"})

    def __init__(
        self,
        *,
        target: TagTargets,
        input_width: int,
        summary_width: int,
        is_constrained: bool = True,
        class_weights: Mapping[str, float] = NO_WEIGHTS,
        label_smoothing: float = 0.0,
        focal_gamma: float = 0.0,
    ) -> None:
        super().__init__(target=target)
        self.projection, self.temperature = Linear(input_width, len(target.tags)), Temperature()
        self.cross_entropy = CrossEntropy(
            target.tags, class_weights=class_weights, label_smoothing=label_smoothing, focal_gamma=focal_gamma
        )
        self.constraints = TagConstraints(target)
        self.is_constrained = is_constrained and target.span_scheme is not None

    def n_targets(self, steps: Steps, batch: Batch) -> int:
        """Return the number of steps with a target."""
        return int((self._tags(batch) != NO_TARGET).sum())

    def distribution(self, steps: Steps, batch: Batch) -> IndependentTags:
        scores = self.temperature(self.projection(steps.zero_padded().values))
        # only transitions, start and end are read: decoding replaces the emissions by log-probabilities
        limits = self.constraints.chain(scores, steps.lengths) if self.is_constrained else None
        return IndependentTags(scores, steps.lengths, self.reader, limits=limits)

    def _loss(self, believed: IndependentTags, tags: Int[Tensor, "batch time"], steps: Steps) -> Float[Tensor, ""]:
        scores, targets = believed.scores.flatten(0, 1), tags.flatten()
        loss, weight = self.cross_entropy(scores, self.constraints.single(targets))
        is_open = targets >= len(self.target.tags)
        if is_open.any():
            is_allowed = self.constraints.allowed(targets[is_open])
            # normalised over all tags first: the loss is -log of the total probability of the allowed tags
            log_probs = scores[is_open].log_softmax(1).masked_fill(~is_allowed, -torch.inf).logsumexp(1)
            loss = loss + self.cross_entropy.focused(-log_probs, log_probs.exp()).sum()
            # weight 1: a set of tags has no class weight
            weight = weight + is_open.sum()
        return mean(loss, weight)
