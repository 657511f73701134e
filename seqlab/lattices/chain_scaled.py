"""The sums over all paths as products of scaled factors, one matrix product a step: fast, and exact where it says so.

With ψ_t = exp(emissions_t - peak_t) and E = exp(transitions - peak), all factors in [0, 1], the recursions are

    u_0 = exp(start),  a_t = u_t ∘ ψ_t,  u_{t+1} = a_t E     forward (Rabiner 1989, eq. 20, scaled as in section V.A)
    v_0 = exp(end),    b_s = v_s ∘ ψ_s,  v_{s+1} = b_s Eᵀ    backward, s counted from each record's last step

Both have the same form, so one batched product runs them side by side. P(tag at t) is u_t ∘ b_t over its sum, and the
expected transitions are E ∘ Σ_t a_{t-1}ᵀ (b_t / sum): ratios at one step, so the scales matter to the partition alone.

Exactness. Factors below exp(DROPPED) are taken as 0. All paths through one of them together weigh at most
exp(largest such exponent) · n_tags^length, which must be exp(-NEGLIGIBLE) of the partition or less. All other products
stay above the smallest float64 as long as every non-zero u and v is above exp(DROPPED). Records that fail either test
are not `is_exact` and must be done in log space.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqlab.lattices.chain import Chain

DROPPED = -218.0
"""A product of three factors of this size is still above the smallest float64, exp(-708), with room for the scaling."""
NEGLIGIBLE = 40.0
"""exp(-40) is a 50th of the rounding of float64."""
SCALING_PERIOD = 8
"""Steps between two scalings (two operations each)."""


@dataclass(frozen=True)
class Factors:
    """exp(scores - peak), where the peak is the largest of `scores` along some axes."""

    values: Tensor
    peak: Tensor
    largest_dropped: Tensor | None
    """Largest finite score below the peak that became 0, along the same axes; None where no score did."""

    @classmethod
    def of(cls, scores: Tensor, *axes: int) -> "Factors":
        """Return the factors of `scores`."""
        peak = scores.amax(axes, keepdim=True)
        peak.masked_fill_(peak == -math.inf, 0.0)
        exponents = scores - peak
        if exponents.amin() >= DROPPED:
            return cls(exponents.exp_(), peak, None)
        is_dropped = exponents < DROPPED
        largest = exponents.masked_fill(~is_dropped, -math.inf).amax(axes, keepdim=True)
        return cls(exponents.exp_().masked_fill_(is_dropped, 0.0), peak, largest)


@dataclass(frozen=True)
class ScaledSums:
    """Both recursions of a batch, time first; records that are not `is_exact`, and padding, are undefined."""

    log_partition: Float[Tensor, " batch"]
    is_exact: Bool[Tensor, " batch"]
    incoming: Float[Tensor, "time batch tag"]
    """u"""
    forward: Float[Tensor, "time batch tag"]
    """a"""
    backward: Float[Tensor, "time batch tag"] | None
    """b, in the order of time; None unless asked for."""
    kernel: Float[Tensor, "prev_tag tag"]
    """E"""


def scaled_sums(chain: Chain, *, use_backward: bool) -> ScaledSums:
    """Return the sums of `chain` (float64, at least one record and one step), the backward ones only if asked for."""
    n_records, n_steps, n_tags = chain.emissions.shape
    mask = chain.mask.T
    emissions = chain.emissions.transpose(0, 1).contiguous().masked_fill_(~mask[..., None], 0.0)
    steps = Factors.of(emissions, 2)
    edges, start, end = Factors.of(chain.transitions, 0, 1), Factors.of(chain.start, 0), Factors.of(chain.end, 0)

    psi, kernels, first = steps.values[:, None], edges.values[None], start.values[None, None]
    if use_backward:
        rows = reversing_rows(chain.lengths, n_steps)
        psi = torch.stack([steps.values, _rows(steps.values, rows)], dim=1)
        kernels = torch.stack([edges.values, edges.values.T])
        first = torch.stack([start.values, end.values])[:, None]
    incoming, outgoing, scales = _scan(psi, kernels=kernels, first=first)

    last = (chain.lengths - 1).clamp_min(0)
    records = torch.arange(n_records, device=last.device)
    log_sums = (outgoing[last, 0, records] @ end.values).log() + scales[last // SCALING_PERIOD, 0, records]
    peaks = steps.peak[..., 0].sum(0) + start.peak + end.peak + edges.peak[0] * last
    return ScaledSums(
        log_partition=(log_sums + peaks).masked_fill(chain.lengths == 0, 0.0),
        is_exact=_is_negligible([steps, edges, start, end], log_sums, chain.lengths, n_tags)
        & _is_in_range(incoming, mask),
        incoming=incoming[:, 0],
        forward=outgoing[:, 0],
        backward=_rows(outgoing[:, 1], rows) if use_backward else None,
        kernel=edges.values,
    )


def reversing_rows(lengths: Int[Tensor, " batch"], n_steps: int) -> Int[Tensor, "time batch"]:
    """Return the rows of a flattened (time batch) axis that turn each record round; padding stays. Its own inverse."""
    steps = torch.arange(n_steps, device=lengths.device)[:, None]
    sources = torch.where(steps < lengths, lengths - 1 - steps, steps)
    return sources * lengths.shape[0] + torch.arange(lengths.shape[0], device=lengths.device)


def _rows(values: Tensor, rows: Tensor) -> Tensor:
    return values.flatten(0, 1).index_select(0, rows.flatten()).view_as(values)


def _scan(psi: Tensor, *, kernels: Tensor, first: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return u and a of each direction, (time direction batch tag), and the log of a's scale after each scaling."""
    incoming, outgoing = torch.empty_like(psi), torch.empty_like(psi)
    incoming[0] = first
    scales = [psi.new_ones(psi.shape[1:3])]
    previous = None
    for t, (u, a, factor) in enumerate(zip(incoming.unbind(), outgoing.unbind(), psi.unbind(), strict=True)):
        if previous is not None:
            torch.bmm(previous, kernels, out=u)
        torch.mul(u, factor, out=a)
        if t % SCALING_PERIOD == 0 and t:
            total = a.sum(-1, keepdim=True).clamp_min_(torch.finfo(a.dtype).tiny)
            a.div_(total)
            scales.append(total[..., 0])
        previous = a
    return incoming, outgoing, torch.stack(scales).log_().cumsum(0)


def _is_negligible(factors: list[Factors], log_sums: Tensor, lengths: Tensor, n_tags: int) -> Tensor:
    """Return whether all paths through dropped factors together are too few to matter; False for NaN."""
    steps, *rest = factors
    drops = [] if steps.largest_dropped is None else [steps.largest_dropped[..., 0].amax(0)]
    drops += [factor.largest_dropped.amax() for factor in rest if factor.largest_dropped is not None]
    bound = torch.full_like(log_sums, -math.inf)
    for drop in drops:
        bound = torch.maximum(bound, drop + lengths * math.log(n_tags) + NEGLIGIBLE)
    return (log_sums >= bound) | (lengths == 0)


def _is_in_range(incoming: Tensor, mask: Tensor) -> Tensor:
    """Return whether no u or v of a record's real steps is between 0 and exp(DROPPED)."""
    is_tiny = (incoming < math.exp(DROPPED)) & (incoming > 0)
    if not is_tiny.any():
        return mask.new_ones(mask.shape[1])
    return ~(is_tiny.flatten(3).any(-1).any(1) & mask).any(0)
