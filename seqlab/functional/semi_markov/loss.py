"""Partition and loss of a semi-Markov model with their own backward: the gradient, expected counts, is found in the forward."""

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from seqlab.functional.autograd import differentiate
from seqlab.functional.semi_markov.log_space import forward_sums, segment_sums_of
from seqlab.functional.semi_markov.model import Lattice, SemiMarkov
from seqlab.functional.semi_markov.segments import Segments, check_segments


def log_partition(model: SemiMarkov) -> Float[Tensor, " batch"]:
    """Return the log of the sum of exp(score) over all segmentations: 0 for length 0, -inf where none is allowed.

    Differentiable once; the gradient is the expected counts (marginals), 0 where no segmentation is allowed.
    """
    return _log_partition(model).to(model.score_dtype)


def negative_log_likelihood(model: SemiMarkov, segments: Segments) -> Float[Tensor, " batch"]:
    """Return -log P(segments), in nats a record: 0 for length 0, +inf where `segments` are not allowed.

    Differentiable once; the gradient is the expected counts less those of `segments`, 0 where these are not allowed.

    Raises: ValueError where `segments` are no segmentations of the records, or have a segment longer than `max_length`.
    """
    check_segments(model, segments)
    # Widened once for both terms: their gradients meet in float64 and are rounded once, when they leave.
    widened = model.widened()
    kept = _path_score(widened, segments)
    # -inf - -inf is NaN; a segmentation that is not allowed has an infinite loss.
    losses = (_log_partition(widened) - kept).masked_fill(kept == -torch.inf, torch.inf)
    return losses.to(model.score_dtype)


def path_score(model: SemiMarkov, segments: Segments) -> Float[Tensor, " batch"]:
    """Return the score of one segmentation a record: 0 for length 0. Differentiable.

    Raises: ValueError where `segments` are no segmentations of the records, or have a segment longer than `max_length`.
    """
    check_segments(model, segments)
    return _path_score(model, segments).to(model.score_dtype)


def marginals(model: SemiMarkov) -> Float[Tensor, "batch time length label"]:
    """Return P(segment): 0 at padding and where no segmentation is allowed. No gradient."""
    return segment_sums_of(Lattice.of(model)).marginals.permute(2, 0, 1, 3).to(model.score_dtype)


def _log_partition(model: SemiMarkov) -> Tensor:
    """Return the partition in float64."""
    if not model.learns:
        return forward_sums(Lattice.of(model)).log_partition

    def forward(*_: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        sums = segment_sums_of(Lattice.of(model))
        # The marginals are kept until the backward pass; in the type of the scores they take half the memory.
        return sums.log_partition, (model.lengths, sums.edge_counts, sums.marginals.to(model.score_dtype))

    return cast(Tensor, differentiate(forward, _weighted_counts, *model.all_scores))


def _path_score(model: SemiMarkov, segments: Segments) -> Tensor:
    """Return the score of each segmentation in float64.

    All paths of labels begin and end with one label more, that of no segment, as in `linear_chain.loss`.
    """
    _, n_steps, max_length, outside = model.scores.shape
    # There are never more segments than steps; columns beyond are padding.
    starts, ends, labels = (each[:, :n_steps].long() for each in (segments.starts, segments.ends, segments.labels))
    is_padding = ~segments.mask[:, :n_steps]
    # Segments are stored at their last step by length, so the place of one follows from its ends.
    places = ((ends - 1) * max_length + ends - starts - 1) * outside + labels
    own = model.scores.flatten(1).gather(1, places.masked_fill(is_padding, 0)).double().masked_fill(is_padding, 0.0)
    path = pad(labels.masked_fill(is_padding, outside), (1, 1), value=outside)
    edges = torch.cat([torch.cat([model.transitions, model.end[:, None]], 1), pad(model.start, (0, 1))[None]])
    return own.sum(1) + edges.double().take(path[:, :-1] * (outside + 1) + path[:, 1:]).sum(1)


def _weighted_counts(saved: Sequence[Tensor], grad: Tensor) -> Sequence[Tensor]:
    """Return the expected counts, times each record's weight: the gradient of the scores."""
    lengths, edges, segments = saved
    counts = segments * grad[:, None].to(segments.dtype)
    is_last = torch.arange(len(counts), device=lengths.device)[:, None] == lengths - 1
    # The diagonal has the segments of length t + 1 that end at step t, which are those that begin at step 0.
    of_edges, of_start = torch.tensordot(grad, edges, dims=1), counts.diagonal().sum((0, 2))
    return counts.permute(2, 0, 1, 3), of_edges, of_start, counts.sum(1)[is_last].sum(0)
