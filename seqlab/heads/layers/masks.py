"""Convert masks of real steps to lengths."""

from typing import TypeAlias

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from seqlab.errors import ConfigError

# Its shape is checked against the scores, with a message of our own.
Mask: TypeAlias = Bool[Tensor, "batch_of_mask time_of_mask"] | None


def lengths_of(mask: Mask, scores: Tensor) -> Int[Tensor, " batch"]:
    """Return the number of steps of each record of `scores`, (batch, time, …), that the mask has; None: all.

    Raises:
        ConfigError: the mask has another shape, or a gap.
    """
    n_records, n_steps = scores.shape[:2]
    if mask is None:
        return torch.full((n_records,), n_steps, device=scores.device)
    if mask.shape != (n_records, n_steps):
        raise ConfigError(f"mask has the shape {tuple(mask.shape)}; expected {(n_records, n_steps)}")
    mask = mask.bool()
    if not torch.compiler.is_compiling() and (mask[:, 1:] & ~mask[:, :-1]).any():
        raise ConfigError("mask has a real step after padding; expected True for the first steps of each record")
    return mask.sum(1)
