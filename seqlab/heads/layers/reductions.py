"""Reduce the losses of the records of a batch to one loss."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.errors import ConfigError


def check_reduction(reduction: str, *, of: str) -> None:
    """Raise ConfigError unless `reduced` knows the reduction; records consist of `of`, such as tokens."""
    known = ("mean", "sum", f"{of}_mean", "none")
    if reduction not in known:
        raise ConfigError(f"reduction is {reduction!r}; expected one of {', '.join(known)}")


def reduced(losses: Float[Tensor, " batch"], reduction: str, sizes: Int[Tensor, " batch"]) -> Tensor:
    """Return the mean of the losses over records, their sum, their mean by the `sizes` of the records, or each (`none`)."""
    if reduction == "none":
        return losses
    counts = {"sum": 1, "mean": len(losses)}
    # of no record at all: 0, not NaN
    return losses.sum() / torch.as_tensor(counts.get(reduction, sizes.sum()), device=losses.device).clamp(min=1)
