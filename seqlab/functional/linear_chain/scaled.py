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
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqlab.functional.linear_chain.chain import Chain

DROPPED = -218.0
"""A product of three factors of this size is still above the smallest float64, exp(-708), with room for the scaling."""
NEGLIGIBLE = 40.0
"""exp(-40) is a 50th of the rounding of float64."""
SCALING_PERIOD = 8
"""Steps between two scalings."""


@dataclass(frozen=True)
class Factors:
    """exp(scores - peak), where the peak is the largest of `scores` along some axes."""

    values: Tensor
    peak: Tensor
    largest_dropped: Tensor | None
    """Largest exponent whose factor became 0, along the same axes (-inf: none but -inf itself); None: no factor did."""

    @classmethod
    def of(cls, scores: Tensor, *axes: int) -> "Factors":
        """Return the factors of `scores`."""
        # A row of -inf alone has the peak -inf, and -inf - -inf is NaN; the smallest finite number gives exponents of -inf.
        peak = scores.amax(axes, keepdim=True).clamp_min_(torch.finfo(scores.dtype).min)
        exponents = scores - peak
        if exponents.amin() >= DROPPED:
            return cls(exponents.exp_(), peak, None)
        # Some factor would be too small for a product of three to stay a normal number, so it becomes 0, and the caller
        # decides whether that matters.
        is_dropped = exponents < DROPPED
        largest = exponents.masked_fill(~is_dropped, -math.inf).amax(axes, keepdim=True)
        return cls(exponents.exp_().masked_fill_(is_dropped, 0.0), peak, largest)


class ScaledSums(NamedTuple):
    """Both recursions of a batch, time first; padding, and records that are not `is_exact`, are finite without a meaning."""

    log_partition: Float[Tensor, " batch"]
    is_exact: Bool[Tensor, " batch"]
    incoming: Float[Tensor, "time batch tag"]
    """u"""
    forward: Float[Tensor, "time batch tag"]
    """a"""
    backward: Float[Tensor, "_ batch tag"]
    """b, in the order of time; no steps unless asked for."""
    kernel: Float[Tensor, "prev_tag tag"]
    """E"""


def scaled_sums(chain: Chain, *, use_backward: bool) -> ScaledSums:
    """Return the sums of `chain` (float64, at least one real step), the backward ones only if asked for."""
    n_records, n_steps, _ = chain.emissions.shape
    steps = Factors.of(chain.emissions, 2)
    edges, ends = Factors.of(chain.transitions, 0, 1), Factors.of(torch.stack([chain.start, chain.end]), 1)
    rows = _Rows(chain.lengths, n_steps)
    psi = steps.values.flatten(0, 1)
    if use_backward:
        psi = _take(psi, torch.stack([rows.forward, rows.backward], 1))
        # Both directions run as one batch of two matrix products, which costs little more than one.
        kernels, first = torch.stack([edges.values, edges.values.T]), ends.values[:, None]
    else:
        psi, kernels, first = _take(psi, rows.forward[:, None]), edges.values[None], ends.values[0]
    incoming, outgoing, scales = _scan(psi, kernels=kernels, first=first)

    at_end = rows.last * psi.shape[1] * n_records + rows.records
    log_sums = (_take(outgoing.flatten(0, 2), at_end) @ ends.values[1]).log_()
    # The scales of all steps up to the last one undo the divisions of the scan.
    log_sums += scales[rows.last // SCALING_PERIOD, rows.records]
    peaks = steps.peak[..., 0].masked_fill(~chain.mask, 0.0).sum(1) + edges.peak[0] * rows.last + ends.peak.sum()
    is_negligible = _is_negligible(chain, log_sums, steps=steps, rest=[edges, ends])
    return ScaledSums(
        log_partition=(log_sums + peaks).masked_fill_(chain.lengths == 0, 0.0),
        is_exact=is_negligible & _is_in_range(incoming, chain.mask),
        incoming=incoming[:, 0],
        forward=outgoing[:, 0],
        backward=_take(outgoing.flatten(0, 2), rows.reversed) if use_backward else outgoing[:0, 0],
        kernel=edges.values,
    )


class _Rows:
    """Where the steps of each record are in flattened tensors, (time batch) each; padding is sent to some real step."""

    def __init__(self, lengths: Int[Tensor, " batch"], n_steps: int) -> None:
        n_records = lengths.shape[0]
        steps = torch.arange(n_steps, device=lengths.device)[:, None]
        self.records = torch.arange(n_records, device=lengths.device)
        self.last = (lengths - 1).clamp_min_(0)
        mirrored = (self.last - steps).clamp_min_(0)
        # An empty record has only padding, whose values may be NaN. It reads the longest record's steps instead, and its
        # sums are never used.
        firsts = torch.where(lengths == 0, lengths.argmax(), self.records) * n_steps
        self.forward = torch.minimum(steps, self.last) + firsts
        """In (batch time)."""
        self.backward = mirrored + firsts
        """In (batch time), each record from its last step to its first."""
        self.reversed = mirrored * (2 * n_records) + (self.records + n_records)
        """In the second direction of (time direction batch), each record from its last step to its first."""


def _take(values: Float[Tensor, "row tag"], rows: Tensor) -> Tensor:
    """Return values[rows], at half the cost of indexing."""
    return values.index_select(0, rows.flatten()).view(*rows.shape, -1)


def _scan(psi: Tensor, *, kernels: Tensor, first: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return u and a of each direction, (time direction batch tag), and log scales of the first a (scaling batch)."""
    incoming, outgoing = torch.empty_like(psi), torch.empty_like(psi)
    incoming[0] = first
    torch.mul(incoming[0], psi[0], out=outgoing[0])
    n_steps = psi.shape[0]
    totals = torch.ones_like(psi[: 1 + (n_steps - 1) // SCALING_PERIOD, ..., :1])
    # A NumPy call costs a third of a torch call, and at this size calls are most of the time.
    on_cpu = psi.is_cpu
    multiply, matmul = cast(Any, (np.multiply, np.matmul) if on_cpu else (torch.mul, torch.bmm))
    u, a, factors, edges, total = (
        cast(Any, each.numpy() if on_cpu else each) for each in (incoming, outgoing, psi, kernels, totals)
    )
    for t in range(1, n_steps):
        matmul(a[t - 1], edges, out=u[t])
        multiply(u[t], factors[t], out=a[t])
        if t % SCALING_PERIOD == 0:
            # The smallest normal number keeps a sum of 0 (no allowed path) from making NaN. Beside any sum in range it
            # vanishes in rounding.
            total[t // SCALING_PERIOD] = a[t].sum(-1, keepdims=True) + torch.finfo(psi.dtype).tiny
            a[t] /= total[t // SCALING_PERIOD]
    return incoming, outgoing, totals[:, 0, :, 0].log().cumsum(0)


def _is_negligible(chain: Chain, log_sums: Tensor, *, steps: Factors, rest: list[Factors]) -> Tensor:
    """Return whether all paths through dropped factors together weigh too little to matter."""
    drops = [factors.largest_dropped.amax() for factors in rest if factors.largest_dropped is not None]
    if steps.largest_dropped is not None:
        drops.append(steps.largest_dropped[..., 0].masked_fill(~chain.mask, -math.inf).amax(1))
    is_negligible = torch.ones_like(chain.lengths, dtype=torch.bool)
    for drop in drops:
        # The bound of the module's docstring, in logs: at most n_tags^length paths, each as heavy as the heaviest dropped
        # factor.
        is_negligible &= log_sums >= drop + chain.lengths * math.log(len(chain.start)) + NEGLIGIBLE
    return is_negligible | (chain.lengths == 0)


def _is_in_range(incoming: Tensor, mask: Tensor) -> Tensor:
    """Return whether no u or v of a record's real steps is between 0 and exp(DROPPED)."""
    # The usual case needs one reduction and no copy.
    if incoming.amin() >= math.exp(DROPPED):
        return mask.new_ones(mask.shape[0])
    smallest = torch.where(incoming > 0, incoming, math.inf).amin((1, 3))
    return ((smallest >= math.exp(DROPPED)) | ~mask.T).all(0)
