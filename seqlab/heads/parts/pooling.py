"""Pooling: one vector for a whole sequence; zeros for an empty one."""

from abc import ABC, abstractmethod
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab.errors import ConfigError
from seqlab.functional.padding import last_steps
from seqlab.heads.parts.options import check_option
from seqlab.steps import Steps


class Pooling(nn.Module, ABC):
    """Steps -> one vector per record."""

    def __init__(self, *, input_width: int, summary_width: int) -> None:
        super().__init__()
        self.output_width = input_width

    @abstractmethod
    def forward(self, steps: Steps) -> Float[Tensor, "batch feature"]:
        """Return one vector per record."""


@final
class SummaryPooling(Pooling):
    """The encoder's own summary: the last state of a recurrent encoder, the root of a tree."""

    def __init__(self, *, input_width: int, summary_width: int) -> None:
        super().__init__(input_width=summary_width, summary_width=summary_width)

    def forward(self, steps: Steps) -> Float[Tensor, "batch feature"]:
        if steps.summary is None:
            raise ConfigError("head pooling is 'last', but the encoder gives no summary; use mean, max or attention")
        return steps.summary


@final
class MeanPooling(Pooling):
    """The mean of the steps."""

    def forward(self, steps: Steps) -> Float[Tensor, "batch feature"]:
        return steps.zero_padded().values.sum(1) / steps.lengths.clamp(min=1).unsqueeze(1)


@final
class MaxPooling(Pooling):
    """The maximum of each feature over the steps."""

    def forward(self, steps: Steps) -> Float[Tensor, "batch feature"]:
        top = steps.values.masked_fill(~steps.mask.unsqueeze(2), -torch.inf).amax(1)
        return torch.where((steps.lengths > 0).unsqueeze(1), top, 0.0)


@final
class EndsPooling(Pooling):
    """The first step and the last, side by side."""

    def __init__(self, *, input_width: int, summary_width: int) -> None:
        super().__init__(input_width=2 * input_width, summary_width=summary_width)

    def forward(self, steps: Steps) -> Float[Tensor, "batch feature"]:
        # torch.where rather than a product: padding may be NaN or infinite, and 0 times that is NaN
        first = torch.where((steps.lengths > 0).unsqueeze(1), steps.values[:, 0], 0.0)
        return torch.cat([first, last_steps(steps.zero_padded().values, steps.lengths)], dim=1)


@final
class AttentionPooling(Pooling):
    """The mean of the steps weighted by softmax(v . tanh(W h_t)) (Yang et al. 2016, equations 5-7)."""

    def __init__(self, *, input_width: int, summary_width: int) -> None:
        super().__init__(input_width=input_width, summary_width=summary_width)
        self.score = nn.Sequential(nn.Linear(input_width, input_width), nn.Tanh(), nn.Linear(input_width, 1, bias=False))

    def forward(self, steps: Steps) -> Float[Tensor, "batch feature"]:
        values = steps.zero_padded().values
        # the lowest finite number, not -inf: the softmax of an empty record would be NaN
        scores = self.score(values)[..., 0].masked_fill(~steps.mask, torch.finfo(values.dtype).min)
        weights = scores.softmax(1) * steps.mask
        return torch.bmm(weights.unsqueeze(1), values)[:, 0]


POOLINGS: dict[str, type[Pooling]] = {
    "last": SummaryPooling,
    "mean": MeanPooling,
    "max": MaxPooling,
    "ends": EndsPooling,
    "attention": AttentionPooling,
}


def get_pooling(name: str, *, input_width: int, summary_width: int) -> Pooling:
    """Return the pooling called `name`: last, mean, max, ends or attention."""
    check_option(name in POOLINGS, f"one of {', '.join(POOLINGS)}", pooling=name)
    return POOLINGS[name](input_width=input_width, summary_width=summary_width)
