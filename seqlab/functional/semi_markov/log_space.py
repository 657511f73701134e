"""The sums over all segmentations, in log space: exact for any scores.

With score_t(d, k) that of the segment from step t - d to step t with label k, the recursions (Sarawagi and Cohen 2004,
"Semi-Markov conditional random fields for information extraction", section 3.2) are

    u_0 = start,  a_t(k) = log Σ_d exp(u_{t-d}(k) + score_t(d, k)),      u_{t+1}(j) = log Σ_i exp(a_t(i) + transition(i, j))
    v_{n-1} = end,  b_t(k) = log Σ_d exp(score_{t+d}(d, k) + v_{t+d}(k)),  v_{t-1}(i) = log Σ_j exp(transition(i, j) + b_t(j))

u: all that comes before a segment that begins at t; v: all that follows one that ends at t. The probability of a segment
is exp(u_{t-d}(k) + score_t(d, k) + v_t(k)) over that of all segmentations.

Sums that grow with the record would lose a digit with every tenfold of its length. So each step has a shift, the largest
a_t(k): a segment's score loses the shifts of its steps, every segmentation of the record then loses as much, and the
probabilities stay as they are.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from seqlab.functional.semi_markov.model import Lattice
from seqlab.functional.semi_markov.segments import segment_sums


@dataclass(frozen=True)
class ForwardSums:
    """The sums from the first step on, less the shifts; beyond a record's length they are -inf or mean nothing."""

    incoming: Float[Tensor, "time batch label"]
    """u"""
    outgoing: Float[Tensor, "time batch label"]
    """a"""
    shifts: Float[Tensor, "time batch"]
    """0 where no segmentation ends at the step."""
    shifted_partition: Float[Tensor, " batch"]

    @property
    def log_partition(self) -> Float[Tensor, " batch"]:
        """The partition of the scores as they were."""
        return self.shifted_partition + self.shifts.sum(0)


@dataclass(frozen=True)
class BackwardSums:
    """The sums from each record's last step on; those of no segment are -inf."""

    following: Float[Tensor, "time batch label"]
    """v"""
    beginning: Float[Tensor, "time_plus_1 batch label"]
    """b; -inf at and beyond a record's length."""


@dataclass(frozen=True)
class SegmentSums:
    """Partition and expected counts; a record without any allowed segmentation has -inf and counts of 0."""

    log_partition: Float[Tensor, " batch"]
    marginals: Float[Tensor, "time length batch label"]
    edge_counts: Float[Tensor, "batch prev_label label"]


def forward_sums(lattice: Lattice) -> ForwardSums:
    """Return u, a and the partition."""
    n_steps, max_length, n_records, n_labels = lattice.scores.shape
    incoming = lattice.scores.new_empty(n_steps, n_records, n_labels)
    outgoing, shifts = torch.empty_like(incoming), incoming.new_empty(n_steps, n_records, 1)
    before = incoming[:0]  # u of the last steps, the latest first
    for t in range(n_steps):
        incoming[t] = (outgoing[t - 1][:, :, None] + lattice.transitions).logsumexp(1) if t else lattice.start
        before = torch.cat([incoming[t : t + 1], before[: max_length - 1]])
        sums = (before + lattice.scores[t, : len(before)]).logsumexp(0)
        # A step where no segment can end has the maximum -inf; a shift of 0 avoids -inf - -inf.
        largest = sums.amax(-1, keepdim=True)
        shifts[t] = largest.masked_fill(largest == -math.inf, 0.0)
        outgoing[t] = sums - shifts[t]
        # Every segment that spans this step loses its shift, so the sums before it lose it here, once.
        before -= shifts[t]
    # In row n, the partitions of n steps; of none there is one segmentation, the empty one.
    totals = pad((outgoing + lattice.end).logsumexp(-1), (0, 0, 1, 0))
    return ForwardSums(incoming, outgoing, shifts[..., 0], totals.gather(0, lattice.lengths[None])[0])


def backward_sums(lattice: Lattice) -> BackwardSums:
    """Return v and b."""
    n_steps, max_length, n_records, n_labels = lattice.scores.shape
    beginning = lattice.scores.new_full((n_steps + 1, n_records, n_labels), -torch.inf)
    following = torch.empty_like(beginning[1:])
    for t in reversed(range(n_steps)):
        inner = (lattice.transitions + beginning[t + 1][:, None]).logsumexp(-1)
        # Each record's recursion begins at its own last step; the steps after it stay -inf.
        following[t] = torch.where((lattice.lengths == t + 1)[:, None], lattice.end, inner)
        after = following[t : t + max_length].permute(1, 2, 0)
        beginning[t] = (lattice.beginning_at(t) + after).logsumexp(-1)
    return BackwardSums(following, beginning)


def segment_sums_of(lattice: Lattice) -> SegmentSums:
    """Return partition and expected counts of `lattice`, whose scores become the marginals."""
    n_steps, max_length = lattice.scores.shape[:2]
    forward = forward_sums(lattice)
    # In place: the scores are the largest tensor, and the caller gave this copy up.
    lattice.scores.sub_(segment_sums(forward.shifts.T[..., None], max_length).permute(1, 2, 0, 3))
    backward, partition = backward_sums(lattice), forward.shifted_partition
    # Less +inf every log becomes -inf and every count 0; less -inf it would be NaN.
    totals = partition.masked_fill(partition == -math.inf, math.inf)[:, None]
    edges = torch.zeros_like(lattice.transitions).expand(len(totals), -1, -1).clone()
    for t in range(1, n_steps):
        into = (backward.beginning[t] - totals)[:, None, :]
        edges += (forward.outgoing[t - 1][:, :, None] + lattice.transitions + into).exp_()
    joint = lattice.scores.add_((backward.following - totals)[:, None])
    # The score of a segment stands at its last step, its incoming sum at its first: hence one shifted slice for each
    # length.
    for d in range(min(max_length, n_steps)):
        joint[d:, d] += forward.incoming[: n_steps - d]
    return SegmentSums(forward.log_partition, joint.exp_(), edges)
