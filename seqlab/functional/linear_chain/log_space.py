"""The sums over all paths in log space: slower, and exact for any scores. Recursions and names as in `chain_scaled`."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.functional.linear_chain.chain import Chain


@dataclass(frozen=True)
class LogSums:
    """Partition and expected counts; a record without any allowed path has -inf and counts of 0."""

    log_partition: Float[Tensor, " batch"]
    step_marginals: Float[Tensor, "time batch tag"]
    edge_counts: Float[Tensor, "batch prev_tag tag"]


def log_space_sums(chain: Chain) -> LogSums:
    """Return the sums of `chain` (float64, every length at least 1)."""
    n_steps = chain.emissions.shape[1]
    emissions = chain.emissions.masked_fill(~chain.mask[..., None], 0.0).transpose(0, 1)
    steps = torch.arange(n_steps, device=chain.lengths.device)[:, None]
    reverse = torch.where(steps < chain.lengths, chain.lengths - 1 - steps, steps)[..., None].expand_as(emissions)
    incoming, forward = _scan(emissions, chain.transitions, chain.start)
    backward = _scan(emissions.gather(0, reverse), chain.transitions.T, chain.end)[1].gather(0, reverse)

    joint = incoming + backward
    totals = joint.logsumexp(-1, keepdim=True).masked_fill(~chain.mask.T[..., None], math.inf)
    log_partition = totals[0, :, 0]
    is_possible = log_partition != -math.inf
    totals = totals.masked_fill(~is_possible[:, None], math.inf)
    edges = torch.zeros_like(chain.transitions).expand(len(is_possible), -1, -1).clone()
    for t in range(1, n_steps):
        into = (backward[t] - totals[t])[:, None, :]
        edges += (forward[t - 1][:, :, None] + chain.transitions + into).exp_()
    return LogSums(log_partition, (joint - totals).exp_(), edges)


def _scan(emissions: Tensor, transitions: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
    """Return log u and log a, time first."""
    incoming, outgoing = torch.empty_like(emissions), torch.empty_like(emissions)
    incoming[0] = first
    for t in range(emissions.shape[0]):
        if t:
            incoming[t] = (outgoing[t - 1][:, :, None] + transitions).logsumexp(1)
        torch.add(incoming[t], emissions[t], out=outgoing[t])
    return incoming, outgoing
