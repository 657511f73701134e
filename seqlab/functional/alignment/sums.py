"""Sums over all alignments, with a backward pass of their own: the gradient, posteriors, is computed in the forward pass.

From both ends (see `scan`), P(state s at step t) ∝ exp(u_t(s) + b_t(s)), where b is a over the reversed states
and steps (Graves et al. 2006, eq. 14; Rabiner 1989, eq. 27).
"""

import math
from collections.abc import Sequence
from dataclasses import fields
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.functional.alignment import compiled as alignment_compiled
from seqlab.functional.alignment.scan import StepScores, at_end, log_of, scan, score_dtype, steps_of
from seqlab.functional.alignment.topology import Topology
from seqlab.functional.autograd import differentiate
from seqlab.functional.native import Operator
from seqlab.functional.padding import step_mask


def log_sum(
    scores: Float[Tensor, "batch time unit"], lengths: Int[Tensor, " batch"], topology: Topology
) -> Float[Tensor, " batch"]:
    """Return the log of the sum over all alignments of exp(sum of their scores): -inf where no alignment is allowed.

    Scores are log-probabilities, or any real numbers or -inf; at or beyond a record's length they are padding. A record of
    length 0 has 0 without labels, else -inf. Sums run in float64. Differentiable once; the gradient is
    `unit_posteriors`, 0 where no alignment is allowed.
    """
    return cast(Tensor, _OPERATOR(scores, lengths, *(getattr(topology, name) for name in _TOPOLOGY)))


def _log_sum(scores: Tensor, lengths: Tensor, *parts: Tensor) -> Tensor:
    topology, dtype = Topology(*parts), score_dtype(scores)
    if not (torch.is_grad_enabled() and scores.requires_grad):
        if alignment_compiled.is_usable(scores):
            return alignment_compiled.sums(scores, lengths, topology).log_sum.to(dtype)
        steps = steps_of(scores, lengths, topology)
        return _total(scan(steps, torch.logaddexp)[1], steps.peaks, lengths, topology).to(dtype)

    def forward(_: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        total, units = _unit_sums(scores, lengths, topology)
        return total.to(dtype), (total, units)

    def backward(saved: Sequence[Tensor], grad: Tensor) -> Sequence[Tensor]:
        total, units = saved
        # The loss may hand an impossible record an infinite or NaN gradient, and 0 times that is NaN.
        weights = grad.to(units.dtype).masked_fill(total == -math.inf, 0.0)
        return [units * weights[:, None, None]]

    return cast(Tensor, differentiate(forward, backward, scores))


def posteriors(
    scores: Float[Tensor, "batch time unit"], lengths: Int[Tensor, " batch"], topology: Topology
) -> Float[Tensor, "batch time state"]:
    """Return P(state at step): 0 at padding and where no alignment is allowed. No gradient."""
    if alignment_compiled.is_usable(scores):
        found = alignment_compiled.sums(scores, lengths, topology, of_states=True).posteriors
        assert found is not None
        return found.to(score_dtype(scores))
    return _sums(scores, lengths, topology)[1].to(score_dtype(scores))


def unit_posteriors(
    scores: Float[Tensor, "batch time unit"], lengths: Int[Tensor, " batch"], topology: Topology
) -> Float[Tensor, "batch time unit"]:
    """Return P(unit at step): 0 at padding and where no alignment is allowed. No gradient."""
    return _unit_sums(scores, lengths, topology)[1].to(score_dtype(scores))


def _unit_sums(scores: Tensor, lengths: Tensor, topology: Topology) -> tuple[Tensor, Tensor]:
    """Return the log sums (float64) and the posteriors of units."""
    if alignment_compiled.is_usable(scores):
        log_sum, _, units = alignment_compiled.sums(scores, lengths, topology, of_units=True)
        assert units is not None
        return log_sum, units
    log_sum, states = _sums(scores, lengths, topology)
    return log_sum, _by_unit(states, topology.units, scores.shape[2])


def _sums(scores: Tensor, lengths: Tensor, topology: Topology) -> tuple[Tensor, Tensor]:
    """Return the log sums and the posteriors of states (float64), by scans from both ends, side by side."""
    n_records, n_steps, _ = scores.shape
    steps = steps_of(scores, lengths, topology)
    order = torch.arange(n_steps, device=lengths.device)[:, None]
    # Each record is reversed within its own length; padded steps stay where they are.
    order = torch.where(order < lengths, lengths - 1 - order, order)[:, None].expand_as(steps.emissions)
    mirror = topology.reversed()
    backward = StepScores(
        steps.emissions.flip(1).gather(0, order), log_of(mirror.starts), log_of(mirror.enters_by_skip), steps.peaks
    )
    both = StepScores(*(torch.cat(pair, -1) for pair in zip(steps, backward, strict=True)))
    incoming, outgoing = scan(both, torch.logaddexp)
    joint = outgoing[:, 2:, n_records:].gather(0, order).flip(1) + incoming[..., :n_records]
    total = _total(outgoing[..., :n_records], steps.peaks, lengths, topology)
    is_defined = (step_mask(lengths, n_steps) & (total > -math.inf)[:, None]).T
    # Normalising at every step, not by the total, cancels the rounding that the scans gather.
    scale = joint.logsumexp(1, keepdim=True).masked_fill_(~is_defined[:, None], math.inf)
    return total, (joint - scale).exp_().permute(2, 0, 1)


def _total(outgoing: Tensor, peaks: Tensor, lengths: Tensor, topology: Topology) -> Float[Tensor, " batch"]:
    """Return the log of the sum at the end of the scan."""
    empty = outgoing.new_zeros(len(lengths)).masked_fill_(~topology.is_unlabelled, -math.inf)
    if not len(outgoing):
        return empty
    return torch.where(lengths == 0, empty, at_end(outgoing, peaks, lengths, topology).logsumexp(1))


def _by_unit(states: Tensor, units: Tensor, n_units: int) -> Float[Tensor, "batch time unit"]:
    """Return the sums of `states` over those that read the same unit."""
    columns = units.long()[:, None].expand(-1, states.shape[1], -1)
    # scatter_add_, since several states read the same unit: every blank, and repeated labels.
    return states.new_zeros(*states.shape[:2], n_units).scatter_add_(2, columns, states)


_TOPOLOGY = [field.name for field in fields(Topology)]
_OPERATOR = Operator(
    "alignment_log_sum",
    f"Tensor scores, Tensor lengths, {', '.join(f'Tensor {name}' for name in _TOPOLOGY)}",
    _log_sum,
    shapes=lambda scores, lengths, *_: scores.new_empty(len(lengths), dtype=score_dtype(scores)),
)
