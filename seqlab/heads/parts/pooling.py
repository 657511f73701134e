"""Pooling: one vector for a whole sequence; zeros for an empty one."""

from collections.abc import Callable
from typing import TypeAlias, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab.errors import ConfigError
from seqlab.functional.padding import last_steps
from seqlab.functional.widths import Linear
from seqlab.heads.parts.options import check_option
from seqlab.steps import Steps

Vectors: TypeAlias = Float[Tensor, "batch feature"]


@final
class Pooling(nn.Module):
    """Steps -> one vector of `output_width` per record, by a function without parameters."""

    def __init__(self, output_width: int, pool: Callable[[Steps], Vectors]) -> None:
        super().__init__()
        self.output_width, self._pool = output_width, pool

    def forward(self, steps: Steps) -> Vectors:
        """Return one vector per record."""
        return self._pool(steps)


@final
class AttentionPooling(nn.Module):
    """The mean of the steps weighted by softmax(v . tanh(W h_t)) (Yang et al. 2016, equations 5-7)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.output_width = width
        self.score = nn.Sequential(Linear(width, width), nn.Tanh(), Linear(width, 1, bias=False))

    def forward(self, steps: Steps) -> Vectors:
        """Return the weighted mean of the real steps."""
        values = steps.zero_padded().values
        # the lowest finite number, not -inf: the softmax of an empty record would be NaN
        scores = self.score(values)[..., 0].masked_fill(~steps.mask, torch.finfo(values.dtype).min)
        weights = scores.softmax(1) * steps.mask
        return torch.bmm(weights.unsqueeze(1), values)[:, 0]


AnyPooling: TypeAlias = Pooling | AttentionPooling


def _summary(steps: Steps) -> Vectors:
    if steps.summary is None:
        raise ConfigError("head pooling is 'last', but the encoder gives no summary; use mean, max or attention")
    return steps.summary


def _mean(steps: Steps) -> Vectors:
    return steps.zero_padded().values.sum(1) / steps.lengths.clamp(min=1).unsqueeze(1)


def _max(steps: Steps) -> Vectors:
    top = steps.values.masked_fill(~steps.mask.unsqueeze(2), -torch.inf).amax(1)
    return torch.where((steps.lengths > 0).unsqueeze(1), top, 0.0)


def _ends(steps: Steps) -> Vectors:
    # torch.where, not a product with 0: padding may be NaN or infinite
    first = torch.where((steps.lengths > 0).unsqueeze(1), steps.values[:, 0], 0.0)
    return torch.cat([first, last_steps(steps.zero_padded().values, steps.lengths)], dim=1)


POOLINGS = ("last", "mean", "max", "ends", "attention")


def get_pooling(name: str, *, input_width: int, summary_width: int) -> AnyPooling:
    """Return the pooling called `name`: last (the encoder's summary), mean, max, ends (first and last step) or attention."""
    check_option(name in POOLINGS, f"one of {', '.join(POOLINGS)}", pooling=name)
    if name == "attention":
        return AttentionPooling(input_width)
    widths = {"last": summary_width, "ends": 2 * input_width}
    return Pooling(widths.get(name, input_width), {"last": _summary, "mean": _mean, "max": _max, "ends": _ends}[name])
