"""Log-probabilities of tags at steps, for losses that are made of them: gradients go through the recursions themselves.

Recursions as in `chain_log_space`. `marginals` is faster, and has no gradient: that of a marginal is made of covariances, which
no single pass of the recursions gives.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.functional.linear_chain.chain import Chain

_FORBIDDEN = -1e12
"""Stands for -inf: far below any score, and differences of two are 0, not NaN."""


def log_marginals(chain: Chain) -> Float[Tensor, "batch time tag"]:
    """Return log P(tag at step), in float64: -inf for tags that no allowed path has there; 0 at padding."""
    exact = chain.double()
    if not exact.emissions.shape[1]:
        return exact.emissions
    emissions, transitions, start, end = (scores.clamp(min=_FORBIDDEN) for scores in exact.scores)
    emissions = emissions.masked_fill(~chain.mask[..., None], 0.0).transpose(0, 1)
    steps = torch.arange(len(emissions), device=chain.lengths.device)[:, None]
    reverse = torch.where(steps < chain.lengths, chain.lengths - 1 - steps, steps)[..., None].expand_as(emissions)
    forward = _outgoing(emissions, transitions, start)
    backward = _outgoing(emissions.gather(0, reverse), transitions.T, end).gather(0, reverse)
    joint = (forward + backward - emissions).transpose(0, 1)
    logs = joint.log_softmax(2).masked_fill(joint < _FORBIDDEN / 2, -math.inf)
    return logs.masked_fill(~chain.mask[..., None], 0.0)


def _outgoing(emissions: Tensor, transitions: Tensor, first: Tensor) -> Tensor:
    """Return log a: the sum over the paths up to each step that end in each tag, time first."""
    sums = [first + emissions[0]]
    for of_step in emissions[1:]:
        sums.append((sums[-1][:, :, None] + transitions).logsumexp(1) + of_step)
    return torch.stack(sums)
