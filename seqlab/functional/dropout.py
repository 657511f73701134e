"""Dropout layers that cost little on a CPU: masks are cut from random integers instead of drawn one float each."""

from abc import abstractmethod
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from seqlab.errors import ConfigError


def bernoulli_mask(shape: tuple[int, ...], *, keep_prob: float | Tensor, like: Tensor) -> Bool[Tensor, "..."]:
    """Return a mask that is True with `keep_prob` (one for all, or one each; to 1/65,536).

    Four values are cut from each 64-bit draw.
    """
    if torch.compiler.is_compiling():  # which captures no draws of 64 bits
        return torch.rand(shape, device=like.device) < keep_prob
    n_values = 1
    for size in shape:
        n_values *= size
    # `None` as the upper bound makes random_ fill all 64 bits, the sign bit too.
    draws = torch.empty((n_values + 3) // 4, dtype=torch.int64, device=like.device).random_(-(2**63), None)
    levels = draws.view(torch.int16)[:n_values].view(shape)
    if isinstance(keep_prob, Tensor):
        # The levels are signed 16-bit integers, hence the shift by half of 65,536. Float probabilities promote the
        # comparison, so nothing overflows here.
        return levels < keep_prob * 65_536 - 32_768
    n_kept = round(keep_prob * 65_536)
    # "<=" against n_kept - 1: with "<", keep_prob 1 would compare with 32,768, which overflows 16 bits to drop everything.
    return levels <= n_kept - 32_769 if n_kept else torch.zeros(shape, dtype=torch.bool, device=like.device)


class _Dropout(nn.Module):
    def __init__(self, *, drop_prob: float) -> None:
        super().__init__()
        if not 0 <= drop_prob < 1:
            raise ConfigError(f"dropout is {drop_prob}; expected a probability at least 0 and below 1")
        self.drop_prob = drop_prob

    @abstractmethod
    def mask_shape(self, shape: torch.Size) -> tuple[int, ...]:
        """Return the shape of the mask for values of `shape`; along an axis of size 1, values are dropped together."""

    def forward(self, values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Return `values` with some set to 0 while training, the others scaled by 1 / keep probability."""
        # The random generator is left alone when nothing is dropped, so a rate of 0 gives the same run as no dropout.
        if not (self.training and self.drop_prob):
            return values
        keep_prob = 1 - self.drop_prob
        mask = bernoulli_mask(self.mask_shape(values.shape), keep_prob=keep_prob, like=values)
        # The scale goes into the mask first: where the mask has axes of size 1, that is far less work than scaling the
        # values.
        return values * (mask.to(values.dtype) * (1 / keep_prob))

    def extra_repr(self) -> str:
        """Return the probability, for printing the module."""
        return f"drop_prob={self.drop_prob}"


@final
class NaiveDropout(_Dropout):
    """Drops each value on its own; kept values are scaled by 1 / keep probability, so evaluation needs no change.

    Args:
        drop_prob: Probability to drop a value, at least 0 and below 1.
    """

    def mask_shape(self, shape: torch.Size) -> tuple[int, ...]:
        return shape


@final
class VariationalDropout(_Dropout):
    """Drops whole features of a sequence: one mask for all its steps (Gal and Ghahramani 2016, "locked" dropout).

    Args:
        drop_prob: Probability to drop a feature, at least 0 and below 1.
    """

    def mask_shape(self, shape: torch.Size) -> tuple[int, ...]:
        return shape[0], 1, shape[2]


@final
class StepDropout(_Dropout):
    """Drops whole steps (all features of a word), so that a model does not rely on single words.

    Args:
        drop_prob: Probability to drop a step, at least 0 and below 1.
    """

    def mask_shape(self, shape: torch.Size) -> tuple[int, ...]:
        return shape[0], shape[1], 1


DROPOUTS: dict[str, type[_Dropout]] = {"naive": NaiveDropout, "variational": VariationalDropout, "step": StepDropout}


def get_dropout(kind: str, *, drop_prob: float) -> nn.Module:
    """Return the dropout layer of `kind`: naive, variational or step."""
    if kind not in DROPOUTS:
        raise ConfigError(f"dropout kind is {kind!r}; expected one of {', '.join(DROPOUTS)}")
    return DROPOUTS[kind](drop_prob=drop_prob)
