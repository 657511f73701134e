"""Cross-entropy of labels of which some may count more than others."""

from collections.abc import Mapping, Sequence
from typing import final

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from seqlab.data.fields import NO_TARGET
from seqlab.errors import ConfigError
from seqlab.heads.parts.ranges import check_at_least, check_share


@final
class CrossEntropy(nn.Module):
    """The negative log-likelihood of labels, in nats; while training, weighed.

    Then targets weigh as `class_weights` say of their labels (1 for one that is not there), and `label_smoothing` is the share
    of a target that goes to all labels alike (Szegedy et al. 2016). With a `focal_gamma` above 0 the loss of a target is
    multiplied with (1 - its probability)^gamma, so that those that are sure already count less (Lin et al. 2017). Otherwise the
    likelihood is plain, as temperatures are to be fitted to it.

    `path` is where the head stands in the config.

    Raises: ConfigError for weights of what is no label, and for numbers out of range.
    """

    weights: Tensor | None

    def __init__(
        self,
        labels: Sequence[str],
        *,
        class_weights: Mapping[str, float],
        label_smoothing: float,
        focal_gamma: float,
        path: str,
    ) -> None:
        super().__init__()
        check_share(label_smoothing, path=f"{path}.label_smoothing")
        check_at_least(focal_gamma, 0, path=f"{path}.focal_gamma")
        self.label_smoothing, self.focal_gamma = label_smoothing, focal_gamma
        self.register_buffer("weights", _weights(class_weights, labels, path=f"{path}.class_weights"), persistent=False)

    def forward(
        self, scores: Float[Tensor, "place label"], targets: Int[Tensor, " place"]
    ) -> tuple[Float[Tensor, ""], Num[Tensor, ""]]:
        """Return the loss summed over all places with a target, and how much these weigh together."""
        is_known = targets != NO_TARGET
        weights = self.weights if self.training else None
        loss = nn.functional.cross_entropy(
            scores,
            targets,
            weight=weights,
            ignore_index=NO_TARGET,
            reduction="none" if self._is_focused else "sum",
            label_smoothing=self.label_smoothing if self.training else 0.0,
        )
        if self._is_focused:
            probs = scores.softmax(1).gather(1, targets.clamp(min=0)[:, None])[:, 0]
            loss = self.focused(loss, probs)[is_known].sum()
        return loss, is_known.sum() if weights is None else weights[targets[is_known]].sum()

    def focused(self, losses: Float[Tensor, " place"], probs: Float[Tensor, " place"]) -> Float[Tensor, " place"]:
        """Return the losses of targets of probability `probs`, those that are sure counting less while training."""
        return (1 - probs).clamp(min=0) ** self.focal_gamma * losses if self._is_focused else losses

    @property
    def _is_focused(self) -> bool:
        return self.training and self.focal_gamma > 0


def mean(total: Float[Tensor, ""], weight: Num[Tensor, ""]) -> Float[Tensor, ""]:
    """Return a loss summed over what weighs `weight` for its mean; 0 where that is nothing."""
    return total / weight.where(weight > 0, 1)


def _weights(by_label: Mapping[str, float], labels: Sequence[str], *, path: str) -> Tensor | None:
    """Return the weight of each label; None where all weigh the same."""
    for label, weight in by_label.items():
        if label not in labels:
            raise ConfigError(f"{path} has {label!r}, which is no label; expected some of {', '.join(labels)}")
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise ConfigError(f"{path}.{label} is {weight!r}; expected a number")
        check_at_least(weight, 0, path=f"{path}.{label}")
    return torch.tensor([float(by_label.get(label, 1.0)) for label in labels]) if by_label else None
