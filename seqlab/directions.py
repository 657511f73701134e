"""Reading padded sequences forwards and backwards: each is reversed within its own length, so that padding comes last."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class ReadingOrder:
    """Where each step stands in a batch read one way, step by step: row t * batch + record of the batch's rows."""

    rows: Int[Tensor, " step"]
    back: Int[Tensor, " step"]
    """The way back: row record * time + t of the rows that were read."""
    n_records: int
    n_steps: int

    def read(self, values: Float[Tensor, "batch time feature"]) -> Float[Tensor, "time batch feature"]:
        """Return the steps in the order of reading."""
        return _moved(values, self.rows, self.back).view(self.n_steps, self.n_records, -1)

    def write(self, values: Float[Tensor, "time batch feature"]) -> Float[Tensor, "batch time feature"]:
        """Return the steps in the order of the batch, from that of reading."""
        return _moved(values, self.back, self.rows).view(self.n_records, self.n_steps, -1)


def reading_order(lengths: Int[Tensor, " batch"], n_steps: int, *, is_reversed: bool) -> ReadingOrder:
    """Return how sequences of `lengths`, padded to `n_steps`, are read: from the first step on, or from the last real one."""
    n_records = len(lengths)
    record = torch.arange(n_records, device=lengths.device)
    step = torch.arange(n_steps, device=lengths.device)
    source = step.expand(n_records, n_steps)
    if is_reversed:
        last = lengths[:, None] - 1
        source = torch.where(step <= last, last - step, step)
    # Within a record, reading is its own inverse.
    rows = (source + record[:, None] * n_steps).t().flatten()
    back = (source * n_records + record[:, None]).flatten()
    return ReadingOrder(rows, back, n_records, n_steps)


def reverse_steps(
    values: Float[Tensor, "batch time feature"], lengths: Int[Tensor, " batch"]
) -> Float[Tensor, "batch time feature"]:
    """Return `values` with the real steps of each sequence in reverse order; padding stays where it is."""
    return reading_order(lengths, values.shape[1], is_reversed=True).read(values).transpose(0, 1)


def last_steps(values: Float[Tensor, "batch time feature"], lengths: Int[Tensor, " batch"]) -> Float[Tensor, "batch feature"]:
    """Return the last real step of each sequence; zeros for an empty one."""
    index = torch.clamp(lengths - 1, min=0)[:, None, None].expand(-1, 1, values.shape[2])
    return values.gather(1, index)[:, 0] * (lengths > 0).unsqueeze(1)


class _MovedRows(torch.autograd.Function):
    """Gathers by a permutation whose inverse is known, so that its gradient is a gather, too (index_select's is a slow sum)."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, rows: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(back)
        return values.index_select(0, rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (back,) = ctx.saved_tensors
        return gradients[0].contiguous().index_select(0, back), None, None


def _moved(values: Tensor, rows: Tensor, back: Tensor) -> Tensor:
    moved: Tensor = _MovedRows.apply(values.flatten(0, 1), rows, back)  # type: ignore[no-untyped-call]
    return moved
