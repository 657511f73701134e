"""Partition and losses of a chain with their own backward: the gradient, expected counts, is found in the forward."""

from dataclasses import replace
from typing import Any, NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from seqlab.lattices.chain import Chain
from seqlab.lattices.chain_posterior import Posterior, log_partition_only, posterior


def log_partition(chain: Chain) -> Float[Tensor, " batch"]:
    """Return the log of the sum of exp(score) over all paths: 0 for length 0, -inf where no path is allowed.

    Differentiable once; the gradient is the expected counts (marginals), 0 where no path is allowed.
    """
    if not chain.learns:
        return log_partition_only(chain.detached()).to(chain.score_dtype)
    return cast(Tensor, _LogPartition.apply(*chain.scores, chain.lengths))  # type: ignore[no-untyped-call]


def negative_log_likelihood(chain: Chain, tags: Int[Tensor, "batch time"]) -> Float[Tensor, " batch"]:
    """Return -log P(tags), in nats a record (not a step): 0 for length 0, +inf where `tags` is not allowed.

    Tags at padding are not read. Differentiable once; the gradient is the expected counts less those of `tags`.
    """
    if not chain.learns:
        exact = chain.detached()
        loss = _loss(log_partition_only(exact), path_score(exact, tags))
        return loss.to(chain.score_dtype)
    return cast(Tensor, _NegativeLogLikelihood.apply(*chain.scores, chain.lengths, tags))  # type: ignore[no-untyped-call]


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
    exact = chain.double()
    moves = _edges_of(tags, chain.mask, len(chain.start))
    at_tags = exact.emissions.gather(2, tags.masked_fill(~chain.mask, 0)[..., None].long())[..., 0]
    edges = torch.cat([torch.cat([exact.transitions, exact.end[:, None]], 1), pad(exact.start, (0, 1))[None]])
    score = at_tags.masked_fill(~chain.mask, 0.0).sum(1) + edges.take(moves).sum(1)
    return score.to(chain.score_dtype)


def _edges_of(tags: Int[Tensor, "batch time"], mask: Bool[Tensor, "batch time"], outside: int) -> Tensor:
    """Return the moves of each path, n_steps + 1 a record, as indices into a flattened square of (outside + 1) tags.

    All paths come from `outside`, one more tag than there are, go back to it and stay: so the scores of start and end
    are the last row and column of the transitions.
    """
    path = pad(tags.masked_fill(~mask, outside), (1, 1), value=outside).long()
    return path[:, :-1] * (outside + 1) + path[:, 1:]


def _loss(log_total: Tensor, log_kept: Tensor) -> Tensor:
    """Return log_total - log_kept, +inf where nothing is kept (also of nothing)."""
    return (log_total - log_kept).masked_fill(log_kept == -torch.inf, torch.inf)


class _LogPartition(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor
    ) -> Tensor:
        chain = Chain(emissions, lengths, transitions, start, end)
        exact = chain.detached()
        paths = posterior(exact)
        ctx.save_for_backward(exact.lengths, *paths)
        ctx.dtypes = [scores.dtype for scores in (emissions, transitions, start, end)]
        return paths.log_partition.to(chain.score_dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        lengths, *paths = ctx.saved_tensors
        counts = _Counts.expected(Posterior(*paths), lengths, grad.double())
        return *counts.cast(ctx.dtypes), None


class _NegativeLogLikelihood(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor, tags: Tensor
    ) -> Tensor:
        chain = Chain(emissions, lengths, transitions, start, end)
        exact = chain.detached()
        paths = posterior(exact)
        ctx.save_for_backward(exact.lengths, tags, *paths)
        ctx.dtypes = [scores.dtype for scores in (emissions, transitions, start, end)]
        return _loss(paths.log_partition, path_score(exact, tags)).to(chain.score_dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        lengths, tags, *paths = ctx.saved_tensors
        counts = _Counts.expected(Posterior(*paths), lengths, grad.double())
        return *counts.without_path(tags, lengths, grad.double()).cast(ctx.dtypes), None, None


class _Counts(NamedTuple):
    """How often each score is used, each record's uses times its weight: the gradient of the weighted sum of scores."""

    emissions: Float[Tensor, "time batch tag"]
    transitions: Float[Tensor, "prev_tag tag"]
    start: Float[Tensor, " tag"]
    end: Float[Tensor, " tag"]

    @classmethod
    def expected(cls, paths: Posterior, lengths: Tensor, weights: Tensor) -> "_Counts":
        """Return the expected counts over all paths."""
        emissions = paths.step_marginals * weights[:, None]
        is_last = torch.arange(len(emissions), device=lengths.device)[:, None] == lengths - 1
        return cls(emissions, paths.edge_counts(weights), emissions[:1].sum((0, 1)), emissions[is_last].sum(0))

    def without_path(self, tags: Tensor, lengths: Tensor, weights: Tensor) -> "_Counts":
        """Return the counts less those of one path a record; changes those of the emissions in place."""
        outside = len(self.start)
        mask = torch.arange(tags.shape[1], device=tags.device) < lengths[:, None]
        moves = _edges_of(tags, mask, outside)
        edges = weights.new_zeros((outside + 1) ** 2)
        edges = edges.index_add_(0, moves.flatten(), weights.repeat_interleave(moves.shape[1])).view(outside + 1, -1)
        at_tags = (weights[:, None] * mask).neg_().T[..., None]
        self.emissions.scatter_add_(2, tags.masked_fill(~mask, 0).long().T[..., None], at_tags)
        return _Counts(
            self.emissions,
            self.transitions - edges[:-1, :-1],
            self.start - edges[-1, :-1],
            self.end - edges[:-1, -1],
        )

    def cast(self, dtypes: list[torch.dtype]) -> list[Tensor]:
        """Return the counts batch first, in the types of the scores that they are gradients of."""
        counts = (self.emissions.transpose(0, 1), *self[1:])
        return [each.to(dtype) for each, dtype in zip(counts, dtypes, strict=True)]
