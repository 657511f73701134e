"""Temperature scaling, fitted after training."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, final

import torch
from torch import Tensor, nn


@final
class Temperature(nn.Module):
    """Divides scores by a temperature in evaluation, which changes confidences, not the order of answers (Guo et al. 2017).

    The temperature is 1 until `seqlab.training.calibration` fits it to validation records.
    """

    value: Tensor
    item_axes: ClassVar[Mapping[str, str | None]] = MappingProxyType({"value": None})
    """Fitted anew for each model, also for one that starts from another."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("value", torch.ones(()))

    def forward(self, scores: Tensor) -> Tensor:
        """Return the scores, in evaluation divided by the temperature."""
        return scores if self.training else scores / self.value
