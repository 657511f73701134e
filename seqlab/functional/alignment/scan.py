"""The recursion over time that sums and searches over alignments share.

With e_t(s) the score at step t of the unit of state s, and ⊕ the log of a sum of exp, or a maximum,

    u_0(s) = 0 where s starts an alignment, else -∞
    a_t(s) = u_t(s) + e_t(s)
    u_{t+1}(s) = a_t(s) ⊕ a_t(s-1) ⊕ (a_t(s-2) where s is entered by a skip)

(Graves et al. 2006, eq. 6; Rabiner 1989, eq. 20). States before the first are two rows of -∞.
"""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from seqlab.functional.alignment.topology import Topology
from seqlab.functional.padding import step_mask


class StepScores(NamedTuple):
    """The scores of the states of a batch in float64, without gradient. Batch last: shifted by a state they stay contiguous."""

    emissions: Float[Tensor, "time state batch"]
    """Less the peak; 0 at padded steps, -inf at padded states, whatever the scores are there."""
    starts: Float[Tensor, "state batch"]
    """0 or -inf."""
    skips: Float[Tensor, "state batch"]
    """0 or -inf."""
    peaks: Float[Tensor, " batch"]
    """The sum of the largest score of each step: apart, very low scores do not swamp what states differ in."""


def score_dtype(scores: Tensor) -> torch.dtype:
    """Return the type of scores given back: that of the inputs, float32 at least."""
    return torch.promote_types(scores.dtype, torch.float32)


def steps_of(scores: Float[Tensor, "batch time unit"], lengths: Int[Tensor, " batch"], topology: Topology) -> StepScores:
    """Return what `scan` works on."""
    n_steps = scores.shape[1]
    units = topology.units.long()[:, None].expand(-1, n_steps, -1)
    # Only the states' own units are widened: the scores of all units may be far more.
    emissions = scores.detach().gather(2, units).double()
    emissions = emissions.masked_fill_(~step_mask(lengths, n_steps)[..., None], 0.0)
    # After the steps, so that padded states are -inf at padded steps too.
    emissions = emissions.masked_fill_(~topology.state_mask[:, None], -math.inf)
    # A step where everything is -inf has no finite peak; the smallest number avoids -inf - -inf.
    peaks = emissions.amax(2).clamp_min_(torch.finfo(emissions.dtype).min)
    return StepScores(
        emissions.sub_(peaks[..., None]).permute(1, 2, 0).contiguous(),
        log_of(topology.starts),
        log_of(topology.enters_by_skip),
        peaks.sum(1),
    )


def log_of(is_allowed: Bool[Tensor, "batch state"]) -> Float[Tensor, "state batch"]:
    """Return 0 where something is allowed, and -inf elsewhere."""
    allowed = is_allowed.T.contiguous()
    return torch.zeros_like(allowed, dtype=torch.float64).masked_fill_(~allowed, -math.inf)


def scan(steps: StepScores, combine: Any) -> tuple[Float[Tensor, "time state batch"], Float[Tensor, "time state_plus_2 batch"]]:
    """Return u, and a with the two rows before the first state. `combine` is ⊕: torch.logaddexp or torch.maximum."""
    incoming, skipped = torch.empty_like(steps.emissions), torch.empty_like(steps.skips)
    # Two rows of -inf in front stand for states before the first, so the loop needs no case for them.
    outgoing = pad(torch.empty_like(steps.emissions), (0, 0, 2, 0), value=-math.inf)
    # Views are taken once, not once a step: at this size a view costs as much as the arithmetic.
    u, e = incoming.unbind(), steps.emissions.unbind()
    a, one_before, two_before = (outgoing[:, 2 - k : outgoing.shape[1] - k].unbind() for k in range(3))
    for t in range(len(u)):
        if t == 0:
            u[t].copy_(steps.starts)
        else:
            torch.add(two_before[t - 1], steps.skips, out=skipped)
            combine(a[t - 1], one_before[t - 1], out=u[t])
            combine(u[t], skipped, out=u[t])
        torch.add(u[t], e[t], out=a[t])
    return incoming, outgoing


def at_end(outgoing: Tensor, peaks: Tensor, lengths: Int[Tensor, " batch"], topology: Topology) -> Float[Tensor, "batch state"]:
    """Return a at each record's last step, the peaks back, -inf where no alignment can end; of no meaning for length 0."""
    records = torch.arange(len(lengths), device=lengths.device)
    # An empty record reads step 0, and its value is never used.
    last = outgoing[(lengths - 1).clamp(min=0), 2:, records] + peaks[:, None]
    return last.masked_fill(~topology.ends, -math.inf)
