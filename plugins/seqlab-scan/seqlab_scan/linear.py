"""The linear recurrence that remains once the gates are known, over whole sequences, with a backward pass of its own.

    c_t = k_t c_{t-1} + e_t

Two consecutive steps are one step with k = k_2 k_1 and e = k_2 e_1 + e_2: the recurrence is associative, so steps may be
grouped in any way and run in parallel. Its adjoint is the same recurrence from the end: d_t = g_t + k_{t+1} d_{t+1}.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqlab.functional.autograd import apply
from seqlab_scan.blocks import run_blocks
from seqlab_scan.triton_runs import is_usable, run_triton

Values = Float[Tensor, "direction time batch unit"]
First = Float[Tensor, "direction batch unit"]
Run = Callable[..., Tensor]


def run_loop(keep: Values, entered: Values, first: First, *, is_reversed: bool) -> Values:
    """Return c of every step from the one before (reversed: the one after), one fused product and sum a step."""
    found, last = torch.empty_like(entered), first
    steps = list(zip(keep.unbind(1), entered.unbind(1), found.unbind(1), strict=True))
    for share, fresh, made in reversed(steps) if is_reversed else steps:
        last = torch.addcmul(fresh, share, last, out=made)
    return found


RUNS: dict[str, Run] = {"loop": run_loop, "blocks": run_blocks, "triton": run_triton}
"""Ways to compute it, by name; `is_reversed` reads from the end, `first` then being the state after it."""


def scan_linear(keep: Values, entered: Values, first: First, *, algorithm: str) -> Values:
    """Return c of every step, from the initial one, `first`, by the `algorithm`: a name of `RUNS`, or auto."""
    found: Tensor = apply(_LinearScan, _run_of(algorithm, keep), keep, entered, first)
    return found


def _run_of(algorithm: str, like: Tensor) -> Run:
    """Return how to compute it: by default in a loop on a CPU, by the kernel on CUDA, in blocks elsewhere."""
    if algorithm != "auto":
        return RUNS[algorithm]
    if like.device.type == "cpu":
        return run_loop
    return run_triton if is_usable(like) else run_blocks


class _LinearScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, run: Run, keep: Tensor, entered: Tensor, first: Tensor) -> Tensor:
        states = run(keep, entered, first, is_reversed=False)
        ctx.run = run
        ctx.save_for_backward(keep, first, states)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        keep, first, states = ctx.saved_tensors
        return None, *adjoint(keep, first, states, gradient, run=ctx.run)


def adjoint(keep: Values, first: First, states: Values, gradient: Values, *, run: Run) -> tuple[Values, Values, First]:
    """Return the gradients of k, of e and of the initial state, from that of c."""
    # What a step's state becomes is decided by the share of the next step; the last state goes nowhere.
    after = torch.cat([keep[:, 1:], torch.zeros_like(keep[:, :1])], 1)
    d_entered = run(after, gradient, torch.zeros_like(first), is_reversed=True)
    before = torch.cat([first.unsqueeze(1), states[:, :-1]], 1)
    return d_entered * before, d_entered, keep[:, 0] * d_entered[:, 0]
