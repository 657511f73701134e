"""Sample from a semi-Markov model from left to right: each label given the label before, then its length.

From the sums over all that follows, b and v of `log_space`, come
P(label k | label before i, a segment begins at t) ∝ exp(transition(i, k) + b_t(k)), start(k) for the first segment, and
P(length d | label k, begins at t) ∝ exp(score_{t+d}(d, k) + v_{t+d}(k)).
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.functional.linear_chain.sampling import probabilities
from seqlab.functional.semi_markov.log_space import BackwardSums, backward_sums
from seqlab.functional.semi_markov.model import Lattice, SemiMarkov
from seqlab.functional.semi_markov.segments import Segmentation


def sample(model: SemiMarkov, n: int, *, generator: torch.Generator | None = None) -> list[list[Segmentation]]:
    """Return `n` segmentations of each record, drawn by their probabilities; empty where none is allowed. No gradient."""
    lattice = Lattice.of(model)
    n_steps, _, n_records, n_labels = lattice.scores.shape
    labels = lattice.lengths.new_zeros(n_steps, n_records, n)
    sizes = torch.zeros_like(labels)
    """0 = no segment begins here."""
    begin, before = lattice.lengths.new_zeros(2, n_records, n)
    for t, (label_prob, size_prob) in enumerate(_conditionals(lattice, backward_sums(lattice))):
        rows = label_prob.gather(1, before[..., None].expand(-1, -1, n_labels))
        # A sample that is inside a segment draws too and drops the draw: a batch cannot skip rows.
        is_begin = (begin == t) & (rows.sum(-1) > 0)
        drawn = _draw(rows, generator)
        size = 1 + _draw(size_prob.gather(1, drawn[..., None].expand(-1, -1, size_prob.shape[-1])), generator)
        labels[t], sizes[t] = drawn, size.masked_fill(~is_begin, 0)
        begin, before = torch.where(is_begin, t + size, begin), torch.where(is_begin, drawn, before)
    return _segmentations(labels.permute(1, 2, 0), sizes=sizes.permute(1, 2, 0))


def entropy(model: SemiMarkov) -> Float[Tensor, " batch"]:
    """Return the entropy of the distribution over segmentations, in nats: 0 for length 0, NaN where none is allowed.

    A sum of entropies of single labels and lengths, each at least 0, so that no large numbers cancel. No gradient.
    """
    lattice = Lattice.of(model)
    sums = backward_sums(lattice)
    total = lattice.start.new_zeros(lattice.lengths.shape)
    reached = torch.zeros_like(sums.beginning)  # P(a segment of that label ends before that step)
    # At the first step every row of the conditionals is that of the start, so any one label can hold the whole probability.
    reached[0, :, 0] = 1.0
    for t, (label_prob, size_prob) in enumerate(_conditionals(lattice, sums)):
        begins = (reached[t][:, None] @ label_prob)[:, 0]
        of_labels, of_sizes = (torch.special.entr(prob).sum(-1) for prob in (label_prob, size_prob))
        total += (reached[t] * of_labels + begins * of_sizes).sum(-1)
        reached[t + 1 : t + 1 + size_prob.shape[-1]] += (begins[..., None] * size_prob).permute(2, 0, 1)
    # Nothing leads on from any label, and an empty record is no such case: it has the empty segmentation.
    is_impossible = (lattice.start + sums.beginning[0] == -torch.inf).all(-1) & (lattice.lengths > 0)
    return total.masked_fill(is_impossible, torch.nan).to(model.score_dtype)


def _conditionals(lattice: Lattice, sums: BackwardSums) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield P(label | label before), (batch prev_label label), and P(length | label), (batch label length), of each step.

    Rows of what no segment can follow, and those at padding, are 0. At the first step every label before means none.
    """
    for t in range(len(sums.following)):
        into = lattice.transitions if t else lattice.start.expand_as(lattice.transitions)
        spans = lattice.beginning_at(t)
        after = sums.following[t : t + spans.shape[-1]].permute(1, 2, 0)
        yield probabilities(into + sums.beginning[t][:, None]), probabilities(spans + after)


def _draw(probs: Float[Tensor, "batch sample choice"], generator: torch.Generator | None) -> Int[Tensor, "batch sample"]:
    """Return a choice of each row; any where all are 0."""
    bounds = probs.cumsum(-1)
    draws = torch.rand(bounds[..., :1].shape, dtype=probs.dtype, device=probs.device, generator=generator)
    # Draws are scaled to the row's own sum, which rounding may leave beside 1; the clamp catches a draw equal to it.
    return (bounds <= draws * bounds[..., -1:]).sum(-1).clamp(max=probs.shape[-1] - 1)


def _segmentations(
    labels: Int[Tensor, "batch sample time"], *, sizes: Int[Tensor, "batch sample time"]
) -> list[list[Segmentation]]:
    """Return the segments that begin where the size is not 0."""
    return [
        [
            [(t, t + size, label) for t, (size, label) in enumerate(zip(*one, strict=True)) if size]
            for one in zip(of_record, their_labels, strict=True)
        ]
        for of_record, their_labels in zip(sizes.tolist(), labels.tolist(), strict=True)
    ]
