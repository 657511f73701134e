"""Partition and losses of a chain with their own backward: the gradient, expected counts, is found in the forward."""

from dataclasses import replace
from typing import Any, NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqlab.lattices.chain import Chain
from seqlab.lattices.chain_posterior import Posterior, log_partition_only, posterior


def log_partition(chain: Chain) -> Float[Tensor, " batch"]:
    """Return the log of the sum of exp(score) over all paths: 0 for length 0, -inf where no path is allowed.

    Differentiable once; the gradient is the expected counts (marginals), 0 where no path is allowed.
    """
    if not chain.learns:
        return log_partition_only(chain.detached()).to(chain.score_dtype)
    return cast(Tensor, _LogPartition.apply(chain.emissions, chain.transitions, chain.start, chain.end, chain.lengths))


def negative_log_likelihood(chain: Chain, tags: Int[Tensor, "batch time"]) -> Float[Tensor, " batch"]:
    """Return -log P(tags), in nats a record (not a step): 0 for length 0, +inf where `tags` is not allowed.

    Tags at padding are not read. Differentiable once; the gradient is the expected counts less those of `tags`.
    """
    if not chain.learns:
        exact = chain.detached()
        loss = _loss(log_partition_only(exact), path_score(exact, tags))
        return loss.to(chain.score_dtype)
    scores = (chain.emissions, chain.transitions, chain.start, chain.end)
    return cast(Tensor, _NegativeLogLikelihood.apply(*scores, chain.lengths, tags))


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
    mask = chain.mask
    if not mask.shape[1]:
        return chain.emissions.sum((1, 2)).to(chain.score_dtype)
    tags = tags.masked_fill(~mask, 0).long()
    steps = chain.emissions.gather(2, tags[..., None])[..., 0].double().masked_fill(~mask, 0.0).sum(1)
    edges = chain.transitions[tags[:, :-1], tags[:, 1:]].double().masked_fill(~mask[:, 1:], 0.0).sum(1)
    last = tags.gather(1, (chain.lengths.long() - 1).clamp_min(0)[:, None])[:, 0]
    ends = (chain.start[tags[:, 0]].double() + chain.end[last].double()).masked_fill(chain.lengths == 0, 0.0)
    return (steps + edges + ends).to(chain.score_dtype)


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
        counts.subtract_path(tags, lengths, grad.double())
        return *counts.cast(ctx.dtypes), None, None


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
        return cls(
            emissions,
            paths.edge_counts(weights),
            emissions[:1].sum((0, 1)),
            emissions[_is_last(emissions, lengths)].sum(0),
        )

    def subtract_path(self, tags: Tensor, lengths: Tensor, weights: Tensor) -> None:
        """Take away, in place, the counts of one path a record."""
        steps = torch.arange(tags.shape[1], device=tags.device)[:, None]
        each = torch.where(steps < lengths, -weights, 0.0)
        tags = tags.T.masked_fill(steps >= lengths, 0).long()
        self.emissions.scatter_add_(2, tags[..., None], each[..., None])
        edges = tags[:-1] * len(self.start) + tags[1:]
        self.transitions.view(-1).index_add_(0, edges.flatten(), each[1:].flatten())
        self.start.index_add_(0, tags[:1].flatten(), each[:1].flatten())
        is_last = _is_last(each, lengths)
        self.end.index_add_(0, tags[is_last], each[is_last])

    def cast(self, dtypes: list[torch.dtype]) -> list[Tensor]:
        """Return the counts batch first, in the types of the scores that they are gradients of."""
        counts = (self.emissions.transpose(0, 1), *self[1:])
        return [each.to(dtype) for each, dtype in zip(counts, dtypes, strict=True)]


def _is_last(values: Tensor, lengths: Tensor) -> Bool[Tensor, "time batch"]:
    return torch.arange(values.shape[0], device=lengths.device)[:, None] == lengths - 1
