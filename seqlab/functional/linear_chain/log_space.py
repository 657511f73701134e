"""The sums over all paths in log space: slower, and exact for any scores. Recursions and names as in `scaled`."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.functional.linear_chain.chain import Chain

_FORBIDDEN = -1e12
"""Stands for -inf where gradients go through: far below any score, and differences of two are 0, not NaN."""


@dataclass(frozen=True)
class LogSums:
    """Partition and expected counts; a record without any allowed path has -inf and counts of 0."""

    log_partition: Float[Tensor, " batch"]
    step_marginals: Float[Tensor, "time batch tag"]
    edge_counts: Float[Tensor, "batch prev_tag tag"]


def log_space_sums(chain: Chain) -> LogSums:
    """Return the sums of `chain` (float64, every length at least 1)."""
    incoming, forward, backward, _ = _two_scans(chain)
    joint = incoming + backward
    # Subtracting +inf turns padding into exp(-inf) = 0, where subtracting -inf would give NaN.
    totals = joint.logsumexp(-1, keepdim=True).masked_fill(~chain.mask.T[..., None], math.inf)
    log_partition = totals[0, :, 0]
    is_possible = log_partition != -math.inf
    # An impossible record has totals of -inf, and -inf - -inf is NaN; +inf makes its counts 0.
    totals = totals.masked_fill(~is_possible[:, None], math.inf)
    # One step at a time: all edges at once would be (time batch prev_tag tag).
    edges = torch.zeros_like(chain.transitions).expand(len(is_possible), -1, -1).clone()
    for t in range(1, len(forward)):
        into = (backward[t] - totals[t])[:, None, :]
        edges += (forward[t - 1][:, :, None] + chain.transitions + into).exp_()
    return LogSums(log_partition, (joint - totals).exp_(), edges)


def log_marginals(chain: Chain) -> Float[Tensor, "batch time tag"]:
    """Return log P(tag at step), in float64: -inf for tags that no allowed path has there; 0 at padding.

    Differentiable, for losses that are made of them: gradients go through the recursions themselves. `marginals` is faster, and
    has no gradient: that of a marginal is made of covariances, which no single pass of the recursions gives.
    """
    exact = chain.double()
    if not exact.emissions.shape[1]:
        return exact.emissions
    bounded = Chain.of([scores.clamp(min=_FORBIDDEN) for scores in exact.scores], exact.lengths)
    _, forward, backward, emissions = _two_scans(bounded)
    joint = (forward + backward - emissions).transpose(0, 1)
    # A path through one forbidden score lies near -1e12, any allowed one near 0; half of it separates the two safely.
    logs = joint.log_softmax(2).masked_fill(joint < _FORBIDDEN / 2, -math.inf)
    return logs.masked_fill(~chain.mask[..., None], 0.0)


def step_log_probs(chain: Chain, tags: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """Return log P(tag | tag before) at each step, in float64: their sum is log P(tags).

    -inf for what is forbidden, 0 at padding. Differentiable, for losses that weigh them: gradients go through the recursion
    itself. Tags at padding are read as ids.
    """
    exact = chain.double()
    if not exact.emissions.shape[1]:
        return exact.emissions.new_zeros(tags.shape)
    bounded = Chain.of([scores.clamp(min=_FORBIDDEN) for scores in exact.scores], exact.lengths)
    # The backward sums hold all that follows a step, so that one softmax over the tags gives P(tag | tag before).
    backward, path = _two_scans(bounded)[2], tags.T.unsqueeze(2)
    into = torch.cat([bounded.start.expand_as(backward[:1]), bounded.transitions[tags.T[:-1]]])
    scores = into + backward
    logs = (scores.log_softmax(2).gather(2, path).masked_fill(scores.gather(2, path) < _FORBIDDEN / 2, -math.inf))[..., 0]
    return logs.T.masked_fill(~chain.mask, 0.0)


def _two_scans(chain: Chain) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return log u, log a, log b and the emissions, time first, 0 at padding."""
    # Padding may hold NaN, which would pass through the sums into the gradients of real steps.
    emissions = chain.emissions.masked_fill(~chain.mask[..., None], 0.0).transpose(0, 1)
    steps = torch.arange(len(emissions), device=chain.lengths.device)[:, None]
    # Each record is reversed within its own length, so that the backward scan also begins at its last real step.
    reverse = torch.where(steps < chain.lengths, chain.lengths - 1 - steps, steps)[..., None].expand_as(emissions)
    incoming, forward = _scan(emissions, chain.transitions, chain.start)
    backward = _scan(emissions.gather(0, reverse), chain.transitions.T, chain.end)[1].gather(0, reverse)
    return incoming, forward, backward, emissions


def _scan(emissions: Tensor, transitions: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
    """Return log u and log a, time first. Lists, not buffers, so that gradients can go through."""
    incoming, outgoing = [first.expand_as(emissions[0])], [first + emissions[0]]
    for of_step in emissions[1:]:
        incoming.append((outgoing[-1][:, :, None] + transitions).logsumexp(1))
        outgoing.append(incoming[-1] + of_step)
    return torch.stack(incoming), torch.stack(outgoing)
