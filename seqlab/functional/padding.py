"""Read padded sequences forwards and backwards: each is reversed within its own length, so that padding comes last."""

from collections.abc import Sequence
from typing import Any, TypeAlias, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqlab.errors import ConfigError
from seqlab.functional.autograd import apply

Lengths: TypeAlias = Tensor | Sequence[int] | None
"""Steps of each record, as users give them."""


@final
class ReadingOrder:
    """Reading order of padded sequences in one direction, or in two: forwards, and from the last real step of each back.

    Args:
        lengths: Steps of each record.
        n_steps: Steps that they are padded to.
        n_directions: 1 or 2.
        is_full: Whether there is no padding: then reading backwards is a flip.
    """

    steps: Int[Tensor, "direction time batch"]
    """Place in the batch of each step that is read: record * n_steps + its time. Where there is padding to skip."""
    back: Int[Tensor, "batch time direction"]
    """Place among the steps read of each step of the batch: (direction * n_steps + time) * n_records + record."""

    def __init__(self, lengths: Int[Tensor, " batch"], n_steps: int, n_directions: int, is_full: bool = False) -> None:
        self.n_records, self.n_steps, self.n_directions, self.is_full = lengths.shape[0], n_steps, n_directions, is_full
        # Views and flips do then; the tables of places cost two index tensors of the batch's size.
        if n_directions == 1 or is_full:
            return
        records = torch.arange(self.n_records, device=lengths.device)[:, None]
        step, last = torch.arange(n_steps, device=lengths.device), lengths[:, None] - 1
        # The time of each step that a direction reads. Reversal is its own inverse, so the same table leads back.
        times = [step.expand(self.n_records, -1), torch.where(step <= last, last - step, step)]
        self.steps = torch.stack([(time + records * n_steps).t() for time in times])
        self.back = torch.stack([(i * n_steps + time) * self.n_records + records for i, time in enumerate(times)], dim=2)

    def read(self, values: Sequence[Float[Tensor, "batch time feature"]]) -> Float[Tensor, "direction time batch feature"]:
        """Return the steps in the order of reading; `values` are the same for both directions, or one each."""
        # Padding already comes last when reading forwards, so a view is enough.
        if self.n_directions == 1:
            return values[0].transpose(0, 1).unsqueeze(0)
        if self.is_full:
            forwards, backwards = values[0].transpose(0, 1), values[-1].transpose(0, 1)
            return torch.stack((forwards, backwards.flip(0)))
        n_rows = self.n_records * self.n_steps
        # Both directions in one gather: one call instead of two.
        rows = torch.cat([one.flatten(0, 1) for one in values]) if len(values) > 1 else values[0].flatten(0, 1)
        steps, back = self.steps.flatten(1), self.back.flatten(0, 1).t()
        if len(values) == 1:  # both directions read each row, so its gradient is a sum
            return _moved(rows, steps.flatten(), back).view(*self.steps.shape, -1)
        steps = steps + n_rows * torch.arange(self.n_directions, device=steps.device).unsqueeze(1)
        return _moved(rows, steps.flatten(), back.flatten().unsqueeze(0)).view(*self.steps.shape, -1)

    def write(self, values: Float[Tensor, "direction time batch feature"]) -> Float[Tensor, "batch time direction feature"]:
        """Return the steps in the order of the batch, from that of reading."""
        if self.n_directions == 1:
            return values.permute(2, 1, 0, 3)
        if self.is_full:
            forwards, backwards = values.unbind()
            return torch.stack((forwards, backwards.flip(0)), 2).transpose(0, 1)
        n_rows = self.n_records * self.n_steps
        offsets = torch.arange(self.n_directions, device=self.steps.device).unsqueeze(1)
        forth = self.steps.flatten(1) * self.n_directions + offsets
        moved = _moved(values.reshape(self.n_directions * n_rows, -1), self.back.flatten(), forth.flatten().unsqueeze(0))
        return moved.view(self.n_records, self.n_steps, self.n_directions, -1)


def reverse_steps(
    values: Float[Tensor, "batch time feature"], lengths: Int[Tensor, " batch"]
) -> Float[Tensor, "batch time feature"]:
    """Return `values` with the real steps of each sequence in reverse order; padding stays where it is."""
    n_records, n_steps, _ = values.shape
    order = ReadingOrder(lengths, n_steps, n_directions=2)
    rows = order.steps[1].t().flatten()
    return _moved(values.flatten(0, 1), rows, rows.unsqueeze(0)).view(n_records, n_steps, -1)


def last_steps(values: Float[Tensor, "batch time feature"], lengths: Int[Tensor, " batch"]) -> Float[Tensor, "batch feature"]:
    """Return the last real step of each sequence; zeros for an empty one."""
    # An empty record reads step 0, which the product with 0 below removes.
    index = torch.clamp(lengths - 1, min=0)[:, None, None].expand(-1, 1, values.shape[2])
    return values.gather(1, index)[:, 0] * (lengths > 0).unsqueeze(1)


class _MovedRows(torch.autograd.Function):
    """Gathers rows, and their gradients from where each row went: the backward of index_select is a slow scatter-add."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, rows: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(back)
        return values.index_select(0, rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (back,) = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        total = gradient.index_select(0, back[0])
        for places in back[1:]:
            # A row that two directions read gets the sum of their gradients.
            total += gradient.index_select(0, places)
        return total, None, None


def _moved(values: Tensor, rows: Tensor, back: Tensor) -> Tensor:
    """Return the `rows` of `values`; row r of these went to the places back[:, r]."""
    moved: Tensor = apply(_MovedRows, values, rows, back)
    return moved


def step_mask(lengths: Int[Tensor, " batch"], n_steps: int) -> Bool[Tensor, "batch time"]:
    """Return True for each real step of sequences of `lengths`, padded to `n_steps`."""
    return torch.arange(n_steps, device=lengths.device) < lengths[:, None]


def checked_lengths(
    given: Lengths,
    padded: tuple[int, int],
    device: torch.device,
    *,
    name: str = "lengths",
    limit: str = "the steps that the input is padded to",
) -> tuple[Int[Tensor, " batch"], bool]:
    """Return lengths that a user gives as a tensor, and whether no step is known to be padding; None: nothing is padding.

    Args:
        given: The length of each record.
        padded: Number of records, and the length that they are padded to.
        device: Where to put the tensor.
        name: What messages call the lengths.
        limit: What messages call the length that records are padded to.

    Raises:
        ConfigError: there is not one whole number a record, or one is below 0 or beyond the limit.
    """
    n_records, n_steps = padded
    if given is None:
        return torch.full((n_records,), n_steps, device=device), True
    found = torch.as_tensor(given, device=device)
    if found.shape != (n_records,) or (found.is_floating_point() and n_records):
        raise ConfigError(f"{name} has the shape {tuple(found.shape)}; expected {n_records} integers, one a sequence")
    if torch.compiler.is_compiling() or not n_records:
        return found.long(), False
    least, most = (bound.item() for bound in found.aminmax())
    if least < 0 or most > n_steps:
        raise ConfigError(f"{name} are {least} to {most}; expected 0 to {n_steps}, {limit}")
    return found, least == n_steps


def last_states(
    run: Float[Tensor, "direction time batch unit"],
    lengths: Int[Tensor, " batch"],
    *,
    before: Float[Tensor, "direction batch unit"] | float,
) -> Float[Tensor, "direction batch unit"]:
    """Return the state after the last real step of each record: `before` where it has none."""
    if not run.shape[1]:
        return run.new_zeros(len(run), *run.shape[2:]) + before
    index = torch.clamp(lengths - 1, min=0)[None, None, :, None].expand(len(run), 1, -1, run.shape[-1])
    return torch.where((lengths > 0).unsqueeze(1), run.gather(1, index)[:, 0], before)
