"""The linear recurrence as a Triton kernel: each program takes some units through all steps, a tile of steps at a time.

Within a tile the steps are combined in parallel; the state at its end is carried into the next one.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

TILE_STEPS, TILE_UNITS = 64, 32


@triton.jit
def _then(keep, entered, later_keep, later_entered):
    """Two steps as one."""
    return keep * later_keep, later_keep * entered + later_entered


@triton.jit
def linear_kernel(
    keep,
    entered,
    first,
    found,
    n_steps,
    n_units,
    is_reversed: tl.constexpr,
    tile_steps: tl.constexpr,
    tile_units: tl.constexpr,
):
    """Write c of every step. Arrays are (direction, time, unit), contiguous, a unit being one of a record's."""
    # 64 bits, because the product with steps and units may exceed 2^31.
    unit, direction = tl.program_id(0) * tile_units + tl.arange(0, tile_units), tl.program_id(1).to(tl.int64)
    is_unit = unit < n_units
    state = tl.load(first + direction * n_units + unit, mask=is_unit, other=0.0)
    row = tl.arange(0, tile_steps)
    last_row = 0 if is_reversed else tile_steps - 1
    n_tiles = tl.cdiv(n_steps, tile_steps)
    for i in range(n_tiles):
        tile = n_tiles - 1 - i if is_reversed else i
        step = tile * tile_steps + row
        place = (direction * n_steps + step)[:, None] * n_units + unit[None, :]
        is_there = (step < n_steps)[:, None] & is_unit[None, :]
        share = tl.load(keep + place, mask=is_there, other=1.0)  # beyond the end, a step that changes nothing
        fresh = tl.load(entered + place, mask=is_there, other=0.0)
        share, fresh = tl.associative_scan((share, fresh), 0, _then, reverse=is_reversed)
        states = fresh + share * state[None, :]
        tl.store(found + place, states, mask=is_there)
        # A tile cannot be indexed in Triton, so the last row is picked by a masked sum.
        state = tl.sum(tl.where(row[:, None] == last_row, states, 0.0), 0)


def run_kernel(keep: Tensor, entered: Tensor, first: Tensor, *, is_reversed: bool) -> Tensor:
    """Return c of every step from the one before; reversed, from the one after."""
    # The kernel computes addresses from the sizes alone.
    keep, entered, first = keep.contiguous(), entered.contiguous(), first.contiguous()
    found = torch.empty_like(entered)
    n_directions, n_steps, n_records, width = entered.shape
    n_units = n_records * width
    if found.numel():
        linear_kernel[(triton.cdiv(n_units, TILE_UNITS), n_directions)](  # only the first axis takes more than 65,535
            keep, entered, first, found, n_steps, n_units, is_reversed, TILE_STEPS, TILE_UNITS
        )
    return found
