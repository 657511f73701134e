"""Reading padded sequences backwards: each is reversed within its own length, so padding stays behind."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


class _ReverseRows(torch.autograd.Function):
    """Gathers by a permutation that is its own inverse, so that its gradient is one too (index_select's is a slow sum)."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        return values.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        return gradients[0].contiguous().index_select(0, index), None


def reverse_steps(
    values: Float[Tensor, "batch time feature"], lengths: Int[Tensor, " batch"]
) -> Float[Tensor, "batch time feature"]:
    """Return `values` with the real steps of each sequence in reverse order; padding stays where it is."""
    n_records, n_steps, width = values.shape
    step = torch.arange(n_steps, device=values.device)
    last = lengths[:, None] - 1
    source = torch.where(step <= last, last - step, step)
    index = (source + torch.arange(n_records, device=values.device)[:, None] * n_steps).view(-1)
    reversed_rows: Tensor = _ReverseRows.apply(  # type: ignore[no-untyped-call]
        values.reshape(n_records * n_steps, width), index
    )
    return reversed_rows.view(n_records, n_steps, width)


def last_steps(values: Float[Tensor, "batch time feature"], lengths: Int[Tensor, " batch"]) -> Float[Tensor, "batch feature"]:
    """Return the last real step of each sequence; zeros for an empty one."""
    index = torch.clamp(lengths - 1, min=0)[:, None, None].expand(-1, 1, values.shape[2])
    return values.gather(1, index)[:, 0] * (lengths > 0).unsqueeze(1)
