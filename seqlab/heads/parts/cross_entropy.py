"""Cross-entropy with class weights, label smoothing and focal loss."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import final

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from seqlab.data.fields import NO_TARGET
from seqlab.errors import ConfigError
from seqlab.heads.parts.options import check_option

NO_WEIGHTS: Mapping[str, float] = MappingProxyType({})
"""Equal weights of all labels."""


@final
class CrossEntropy(nn.Module):
    """The negative log-likelihood of labels, in nats; weighted while training.

    In evaluation the likelihood is plain, because temperatures are fitted to it.

    Args:
        labels: Labels in the order of their ids.
        class_weights: Label -> weight of its targets, at least 0; 1 for labels that it lacks.
        label_smoothing: Share of each target, from 0 to below 1, that is spread evenly over all labels (Szegedy et al. 2016).
        focal_gamma: Above 0, the loss of a target is multiplied by (1 - its probability)^gamma, so that confident targets count
            less (Lin et al. 2017).

    Raises:
        ConfigError: a weight has an unknown label, or a number is out of range.
    """

    weights: Tensor | None

    def __init__(
        self, labels: Sequence[str], *, class_weights: Mapping[str, float], label_smoothing: float, focal_gamma: float
    ) -> None:
        super().__init__()
        check_option(0 <= label_smoothing < 1, "a share, at least 0 and below 1", label_smoothing=label_smoothing)
        check_option(0 <= focal_gamma < math.inf, "a number, at least 0", focal_gamma=focal_gamma)
        self.label_smoothing, self.focal_gamma = label_smoothing, focal_gamma
        self.register_buffer("weights", label_weights(class_weights, labels), persistent=False)

    def forward(
        self, scores: Float[Tensor, "place label"], targets: Int[Tensor, " place"]
    ) -> tuple[Float[Tensor, ""], Num[Tensor, ""]]:
        """Return the loss summed over all targets, and the sum of their weights."""
        is_known, reduction = targets != NO_TARGET, "none" if self._is_focused else "sum"
        weights, smoothing = (self.weights, self.label_smoothing) if self.training else (None, 0.0)
        loss = nn.functional.cross_entropy(
            scores, targets, weights, ignore_index=NO_TARGET, reduction=reduction, label_smoothing=smoothing
        )
        if self._is_focused:
            # NO_TARGET is -1, which gather cannot read; those places are dropped on the next line
            probs = scores.softmax(1).gather(1, targets.clamp(min=0)[:, None])[:, 0]
            loss = self.focused(loss, probs)[is_known].sum()
        return loss, is_known.sum() if weights is None else weights[targets[is_known]].sum()

    def focused(self, losses: Float[Tensor, " place"], probs: Float[Tensor, " place"]) -> Float[Tensor, " place"]:
        """Return the losses of targets of probability `probs`; while training, confident targets count less."""
        # rounding may raise a probability above 1, and a negative number to a fractional power is NaN
        return (1 - probs).clamp(min=0) ** self.focal_gamma * losses if self._is_focused else losses

    @property
    def _is_focused(self) -> bool:
        return self.training and self.focal_gamma > 0


def mean(total: Float[Tensor, ""], weight: Num[Tensor, ""]) -> Float[Tensor, ""]:
    """Return the mean of a summed loss; 0 if there is no weight."""
    return total / weight.where(weight > 0, 1)


def label_weights(by_label: Mapping[str, float], labels: Sequence[str]) -> Tensor | None:
    """Return the weight of each label; None if all are equal.

    Raises: ConfigError for a weight that is no number, or of an unknown label.
    """
    for label, weight in by_label.items():
        if label not in labels:
            raise ConfigError(f"class_weights has {label!r}, which is not a label; expected some of {', '.join(labels)}")
        is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
        is_valid = is_number and 0 <= weight < math.inf
        check_option(is_valid, "a number, at least 0", **{f"class_weights.{label}": weight})
    return torch.tensor([float(by_label.get(label, 1.0)) for label in labels]) if by_label else None
