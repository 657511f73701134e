"""Partition and losses of a linear chain (CRF), with a backward pass of their own.

    log P(tags) = score(tags) - log Σ over all paths of exp(score(path))

The gradient of the log sum is the expected count of each score, which the forward pass computes by the forward-backward
recursion of `scaled`, or of `log_space` for records that float64 cannot scale (Lafferty et al. 2001; Rabiner 1989).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from seqlab.functional.autograd import differentiate
from seqlab.functional.linear_chain import compiled as chain_compiled
from seqlab.functional.linear_chain.chain import ARGUMENTS, Chain
from seqlab.functional.linear_chain.compiled import Sums
from seqlab.functional.linear_chain.posterior import Posterior, log_partition_only, posterior
from seqlab.functional.native import Operator


def log_partition(chain: Chain) -> Float[Tensor, " batch"]:
    """Return the log of the sum of exp(score) over all paths: 0 for length 0, -inf where no path is allowed.

    Differentiable once; the gradient is the expected counts (marginals), 0 where no path is allowed.
    """
    return cast(Tensor, _PARTITION(*chain.scores, chain.lengths))


def negative_log_likelihood(chain: Chain, tags: Int[Tensor, "batch time"]) -> Float[Tensor, " batch"]:
    """Return -log P(tags), in nats a record (not a step): 0 for length 0, +inf where `tags` is not allowed.

    Tags at padding are not read. Differentiable once; the gradient is the expected counts less those of `tags`.
    """
    if torch.compiler.is_compiling() or chain.learns:
        return cast(Tensor, _LOSS(*chain.scores, chain.lengths, tags))
    # Nothing to learn: the forward recursion alone is enough, and saves the backward one.
    exact = chain.detached()
    return _loss(log_partition_only(exact), path_score(exact, tags)).to(chain.score_dtype)


def partial_negative_log_likelihood(chain: Chain, allowed: Bool[Tensor, "batch time tag"]) -> Float[Tensor, " batch"]:
    """Return -log P(all tags are among those `allowed` at their step): for partly annotated records.

    A step that is not annotated allows every tag, an annotated one its own. +inf where no path is left; `allowed` at
    padding is not read. (Tsuboi et al. 2008, "Training conditional random fields using incomplete annotations", eq. 5.)
    """
    # One batch of both chains: the steps of the recursion cost the same for twice the records.
    exact = chain.double()
    restricted = exact.emissions.masked_fill(~allowed, -torch.inf)
    both = replace(exact, emissions=torch.cat([exact.emissions, restricted]), lengths=exact.lengths.repeat(2))
    free, kept = log_partition(both).chunk(2)
    return _loss(free, kept).to(chain.score_dtype)


def path_score(chain: Chain, tags: Int[Tensor, "batch time"]) -> Float[Tensor, " batch"]:
    """Return the score of one path a record: 0 for length 0. Tags at padding are not read. Differentiable."""
    return _Paths.of(tags, chain).score(chain.double()).to(chain.score_dtype)


def _loss(log_total: Tensor, log_kept: Tensor) -> Tensor:
    """Return log_total - log_kept, +inf where nothing is kept (also of nothing)."""
    # -inf - -inf is NaN; a path that is not allowed has an infinite loss even where no path is.
    return (log_total - log_kept).masked_fill(log_kept == -torch.inf, torch.inf)


def _log_partition(*arguments: Tensor) -> Tensor:
    *scores, lengths = arguments
    chain = Chain.of(scores, lengths)
    # `differentiate` connects the gradients itself, so the recursion runs without a graph.
    exact = chain.detached()
    if not chain.learns:
        return log_partition_only(exact).to(chain.score_dtype)

    def forward(*_: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        paths = posterior(exact)
        return paths.log_partition.to(chain.score_dtype), (exact.lengths, *paths)

    def backward(saved: Sequence[Tensor], grad: Tensor) -> Sequence[Tensor]:
        lengths, *paths = saved
        return _counts(paths, lengths, grad.double())

    return cast(Tensor, differentiate(forward, backward, *scores))


def _learned_loss(*arguments: Tensor) -> Tensor:
    """Return the loss by the compiled sums, where they are there and exact for all records, else by the `posterior`."""
    *scores, lengths, tags = arguments
    chain, tags = Chain.of(scores, lengths), tags.long().contiguous()
    exact = chain.detached()
    if chain_compiled.is_usable(exact) and exact.emissions.shape[1]:
        sums = chain_compiled.sums(exact, tags)
        # A batch with a single inexact record takes the slower path as a whole: this is rare, and a mixture would need both
        # backward passes.
        if sums.is_exact.all():
            loss = _loss(sums.log_partition, sums.path_score).to(chain.score_dtype)
            saved = exact.lengths, tags, *sums
            return cast(Tensor, differentiate(lambda *_: (loss, saved), _compiled_counts, *scores))

    def forward(*_: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        paths, observed = posterior(exact), _Paths.of(tags, exact)
        # Subtracting the observed tags from the marginals here saves the backward pass a tensor of the size of the
        # emissions.
        observed_steps = exact.mask.T[..., None].double().neg_()
        paths.step_marginals.scatter_add_(2, observed.tags.T[..., None], observed_steps)
        loss = _loss(paths.log_partition, observed.score(exact))
        return loss.to(chain.score_dtype), (exact.lengths, observed.moves, *paths)

    return cast(Tensor, differentiate(forward, _learned_counts, *scores))


def _compiled_counts(saved: Sequence[Tensor], grad: Tensor) -> Sequence[Tensor]:
    lengths, tags, *sums = saved
    return chain_compiled.counts(Sums(*sums), lengths, tags, grad.double())


def _learned_counts(saved: Sequence[Tensor], grad: Tensor) -> Sequence[Tensor]:
    lengths, moves, *paths = saved
    weights = grad.double()
    counts = _counts(paths, lengths, weights)
    n_tags = len(counts[1])
    # One weighted histogram of the moves counts transitions, starts and ends alike; the last row and column, of start and
    # end, are dropped below because the step marginals already hold them.
    observed = weights.new_zeros((n_tags + 1) ** 2)
    observed.index_add_(0, moves.flatten(), weights.repeat_interleave(moves.shape[1]))
    counts[1].sub_(observed.view(n_tags + 1, -1)[:-1, :-1])
    return counts


class _Paths(NamedTuple):
    """One path a record."""

    tags: Int[Tensor, "batch time"]
    """0 at padding."""
    moves: Int[Tensor, "batch time_plus_1"]
    """From tag to tag, as indices into a flattened square of n_tags + 1.

    The extra tag stands for no step. All paths come from it, return to it and stay: so the scores of start and end are the
    last row and column of the transitions, and every path, even an empty one, has the same number of moves.
    """

    @classmethod
    def of(cls, tags: Int[Tensor, "batch time"], chain: Chain) -> "_Paths":
        """Return the paths of `tags`, whatever they have at padding."""
        outside, is_padding = len(chain.start), ~chain.mask
        # Padding may hold any id (-100 for instance), which would index outside the square.
        path = pad(tags.long().masked_fill(is_padding, outside), (1, 1), value=outside)
        return cls(path[:, 1:-1].masked_fill(is_padding, 0), path[:, :-1] * (outside + 1) + path[:, 1:])

    def score(self, chain: Chain) -> Float[Tensor, " batch"]:
        """Return the score of each path."""
        steps = chain.emissions.gather(2, self.tags[..., None])[..., 0].masked_fill(~chain.mask, 0.0)
        edges = torch.cat([torch.cat([chain.transitions, chain.end[:, None]], 1), pad(chain.start, (0, 1))[None]])
        return steps.sum(1) + edges.take(self.moves).sum(1)


def _counts(paths: Sequence[Tensor], lengths: Tensor, weights: Tensor) -> list[Tensor]:
    """Return how often `paths` (a `Posterior`) use each score, times each record's weight: the gradient of the weighted sum."""
    sums = Posterior(*paths)
    emissions = sums.step_marginals * weights[:, None]
    is_last = torch.arange(len(emissions), device=lengths.device)[:, None] == lengths - 1
    # The first and last step's marginals are also the counts of the scores of start and end. Steps beyond a length are 0,
    # so a record of length 0 counts nowhere.
    of_start, of_end = emissions[:1].sum((0, 1)), emissions[is_last].sum(0)
    return [emissions.transpose(0, 1), sums.edge_counts(weights), of_start, of_end]


def _shapes(emissions: Tensor, *_: Tensor) -> Tensor:
    return emissions.new_empty(len(emissions), dtype=torch.promote_types(emissions.dtype, torch.float32))


_PARTITION = Operator("chain_log_partition", ARGUMENTS, _log_partition, shapes=_shapes)
_LOSS = Operator("chain_negative_log_likelihood", f"{ARGUMENTS}, Tensor tags", _learned_loss, shapes=_shapes)
