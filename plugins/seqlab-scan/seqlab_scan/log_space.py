"""The linear recurrence in log space, where everything that enters is positive.

    log c_t = K_t + log(sum over s <= t of exp(log e_s - K_s)),        K_t = log k_1 + ... + log k_t

(Heinsen 2023, "Efficient Parallelization of a Ubiquitous Sequential Computation"; Feng et al. 2024, appendix B): a cumulative
sum and a cumulative log-sum-exp, single operations on accelerators. K grows with the sequence and is subtracted again, so that
float32 would lose digits on long ones: the sums run in float64. The initial state may be negative, so exp(K_t) c_0 is added
outside the logarithms.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqlab.functional.autograd import apply
from seqlab_scan.blocks import run_blocks
from seqlab_scan.linear import adjoint


def scan_log_space(
    log_keep: Float[Tensor, "direction time batch unit"],
    log_entered: Float[Tensor, "direction time batch unit"],
    first: Float[Tensor, "direction batch unit"],
) -> Float[Tensor, "direction time batch unit"]:
    """Return c of every step, from the initial one, `first`; a log of -inf is 0."""
    found: Tensor = apply(_LogScan, log_keep, log_entered, first)
    return found


class _LogScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, log_keep: Tensor, log_entered: Tensor, first: Tensor) -> Tensor:
        total = log_keep.double().cumsum(1)
        entered = (total + (log_entered.double() - total).logcumsumexp(1)).exp()
        states = (entered + total.exp() * first.unsqueeze(1)).to(first.dtype)
        ctx.save_for_backward(log_keep, log_entered, first, states)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        """In blocks: gradients have either sign."""
        log_keep, log_entered, first, states = ctx.saved_tensors
        keep = log_keep.exp()
        d_keep, d_entered, d_first = adjoint(keep, first, states, gradient, run=run_blocks)
        return d_keep * keep, d_entered * log_entered.exp(), d_first
