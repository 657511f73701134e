"""The best segmentations, any number of them: Viterbi over segments with a list of the best at every label.

(Sarawagi and Cohen 2004, eq. 2, with the lists of Seshadri and Sundberg 1994.)
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.functional.linear_chain.nbest import best_of
from seqlab.functional.semi_markov.log_space import forward_sums
from seqlab.functional.semi_markov.model import Lattice, SemiMarkov
from seqlab.functional.semi_markov.segments import Segmentation


def viterbi(model: SemiMarkov) -> tuple[list[Segmentation], Float[Tensor, " batch"]]:
    """Return the best segmentation of each record and its score: 0 for length 0; -inf, and no segments, if none is allowed.

    Of equal ones any is taken. Gives no gradient.
    """
    segmentations, scores = _best(Lattice.of(model), 1)
    return [paths[0] for paths in segmentations], scores[:, 0].to(model.score_dtype)


def best_paths(model: SemiMarkov, n: int) -> tuple[list[list[Segmentation]], Float[Tensor, "batch path"]]:
    """Return the `n` best segmentations of each record, the best first, with the logs of their probabilities. No gradient.

    Where fewer are allowed (one, the empty one, for length 0), the rest have no segments and the log probability -inf.

    Raises: ValueError for `n` below 1.
    """
    if n < 1:
        raise ValueError(f"n is {n}; expected at least 1")
    lattice = Lattice.of(model)
    segmentations, scores = _best(lattice, n)
    # Where no segmentation is allowed, both are -inf and their difference NaN; the mask on the next line sets it right.
    log_probs = scores - forward_sums(lattice).log_partition[:, None]
    return segmentations, log_probs.masked_fill(scores == -torch.inf, -torch.inf).to(model.score_dtype)


@dataclass(frozen=True)
class _Lists:
    """The best paths up to each step and label, and where each came from."""

    outgoing: Float[Tensor, "time batch label path"]
    """Scores of those whose last segment ends at the step and has the label."""
    lengths: Int[Tensor, "time batch label path"]
    """Of that segment: (length - 1) * n + the place in `labels` of its first step."""
    labels: Int[Tensor, "time batch label path"]
    """Of the segment before one that begins at the step: label * n + the place in `lengths` of the step before."""


def _best(lattice: Lattice, n: int) -> tuple[list[list[Segmentation]], Float[Tensor, "batch path"]]:
    """Return the `n` best segmentations and their scores."""
    n_steps, _, n_records, _ = lattice.scores.shape
    lists = _best_lists(lattice, n)
    scores = lattice.scores.new_full((n_records, n), -torch.inf)
    scores[:, 0] = 0.0
    places = lattice.lengths.new_zeros(n_records, n)
    if n_steps:
        records = torch.arange(n_records, device=scores.device)
        finals = lists.outgoing[(lattice.lengths - 1).clamp(min=0), records] + lattice.end[:, None]
        found, places = best_of(finals.flatten(1), n)
        scores = torch.where((lattice.lengths > 0)[:, None], found, scores)
    return _traced(lattice, lists, scores=scores, places=places), scores


def _best_lists(lattice: Lattice, n: int) -> _Lists:
    n_steps, max_length, n_records, n_labels = lattice.scores.shape
    outgoing = lattice.scores.new_empty(n_steps, n_records, n_labels, n)
    incoming = torch.full_like(outgoing, -torch.inf)
    incoming[:1, ..., 0] = lattice.start
    lengths, labels = torch.zeros_like(outgoing, dtype=torch.long), torch.zeros_like(outgoing, dtype=torch.long)
    for t in range(n_steps):
        if t:
            extended = outgoing[t - 1][..., None] + lattice.transitions[:, None, :]  # batch, label before, path, label
            incoming[t], labels[t] = best_of(extended.flatten(1, 2).transpose(1, 2), n)
        # Flipped, so that the nearest step comes first: its place is then the length less 1.
        before = incoming[max(0, t + 1 - max_length) : t + 1].flip(0)
        spans = before + lattice.scores[t, : len(before), ..., None]  # length, batch, label, path
        # Flattened as (length, path), so that a place is (length - 1) * n + path.
        outgoing[t], lengths[t] = best_of(spans.permute(1, 2, 0, 3).flatten(2), n)
    return _Lists(outgoing, lengths, labels)


def _traced(lattice: Lattice, lists: _Lists, *, scores: Tensor, places: Tensor) -> list[list[Segmentation]]:
    """Return the segmentations that end at `places` (label * n + place) of each record's last step; none of score -inf."""
    # One copy each: reading single elements of a tensor costs a call, on a GPU a synchronisation too.
    lengths, labels = lists.lengths.cpu().numpy(), lists.labels.cpu().numpy()
    records = zip(lattice.lengths.tolist(), places.tolist(), scores.tolist(), strict=True)
    found: list[list[Segmentation]] = []
    for record, (n_steps, *of_record) in enumerate(records):
        fields = {"lengths": lengths[:, record], "labels": labels[:, record]}
        paths = zip(*of_record, strict=True)
        found.append([_trace(n_steps, place, **fields) if score > -torch.inf else [] for place, score in paths])
    return found


def _trace(n_steps: int, place: int, *, lengths: np.ndarray, labels: np.ndarray) -> Segmentation:
    """Return one segmentation of `n_steps`, from its last segment back to its first."""
    n, end, segments = lengths.shape[-1], n_steps, []
    while end:
        label, path = divmod(place, n)
        length, path = divmod(int(lengths[end - 1, label, path]), n)
        begin = end - length - 1
        segments.append((begin, end, label))
        end, place = begin, int(labels[begin, label, path])
    return segments[::-1]
