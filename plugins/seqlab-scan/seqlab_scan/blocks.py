"""The linear recurrence c_t = k_t c_{t-1} + e_t in blocks of steps: all blocks at once, each step by step, then their ends.

The ends of the blocks are a shorter sequence, run in the same way. Products of shares are at most 1; where they underflow to 0,
0 is what they contribute. So inputs may have any sign and float32 loses nothing, unlike in sums of logarithms.
"""

import torch
from jaxtyping import Float
from torch import Tensor

_BLOCK_STEPS = 16
"""T steps take 16 log_16(T) rounds of a few operations, each over all blocks."""


def run_blocks(
    keep: Float[Tensor, "direction time batch unit"],
    entered: Float[Tensor, "direction time batch unit"],
    first: Float[Tensor, "direction batch unit"],
    *,
    is_reversed: bool,
) -> Float[Tensor, "direction time batch unit"]:
    """Return c of every step from the one before; reversed, from the one after."""
    if not entered.shape[1]:
        return entered.clone()
    if is_reversed:
        return run_blocks(keep.flip(1), entered.flip(1), first, is_reversed=False).flip(1)
    begun = torch.addcmul(entered[:, :1], keep[:, :1], first.unsqueeze(1))
    return _from_zero(keep, torch.cat([begun, entered[:, 1:]], 1))


def _from_zero(keep: Tensor, states: Tensor) -> Tensor:
    """Return c of every step from a state of zero; `states` hold the inputs, and are overwritten."""
    n_steps = keep.shape[1]
    if n_steps <= _BLOCK_STEPS:
        for before, share, state in zip(*(x.unbind(1) for x in (states[:, :-1], keep[:, 1:], states[:, 1:])), strict=True):
            state.addcmul_(share, before)
        return states
    # A copy, because the shares are multiplied in place and the padded view may be the caller's tensor.
    shares, states = _in_blocks(keep).clone(), _in_blocks(states)
    for i in range(1, _BLOCK_STEPS):
        states[:, :, i].addcmul_(shares[:, :, i], states[:, :, i - 1])
        shares[:, :, i].mul_(shares[:, :, i - 1])
    # After the loop each block's last share is the product of all its shares, which carries a state across the whole block.
    ends = _from_zero(shares[:, :, -1], states[:, :, -1].clone())
    states[:, 1:].addcmul_(shares[:, 1:], ends[:, :-1].unsqueeze(2))
    return states.flatten(1, 2)[:, :n_steps]


def _in_blocks(values: Tensor) -> Tensor:
    """Return (direction block step batch unit), zeros after the last step."""
    padded = torch.nn.functional.pad(values, (0, 0, 0, 0, 0, -values.shape[1] % _BLOCK_STEPS))
    return padded.view(len(values), padded.shape[1] // _BLOCK_STEPS, _BLOCK_STEPS, *values.shape[2:])
