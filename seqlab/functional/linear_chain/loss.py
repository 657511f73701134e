"""Partition and losses of a linear chain (CRF), with a backward pass of their own.

    log P(tags) = score(tags) - log Σ over all paths of exp(score(path))

The gradient of the log sum is the expected count of each score, which the forward pass computes by the forward-backward
recursion of `scaled`, or of `log_space` for records that float64 cannot scale (Lafferty et al. 2001; Rabiner 1989).
"""

from dataclasses import replace
from typing import Any, NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from seqlab.functional.autograd import apply
from seqlab.functional.linear_chain import compiled as chain_compiled
from seqlab.functional.linear_chain.chain import Chain
from seqlab.functional.linear_chain.compiled import Sums
from seqlab.functional.linear_chain.posterior import Posterior, log_partition_only, posterior
from seqlab.functional.native import Operator


def log_partition(chain: Chain) -> Float[Tensor, " batch"]:
    """Return the log of the sum of exp(score) over all paths: 0 for length 0, -inf where no path is allowed.

    Differentiable once; the gradient is the expected counts (marginals), 0 where no path is allowed.
    """
    if torch.compiler.is_compiling():
        return cast(Tensor, _PARTITION.forward(*chain.scores, chain.lengths))
    if not chain.learns:
        return log_partition_only(chain.detached()).to(chain.score_dtype)
    return cast(Tensor, apply(_LogPartition, *chain.scores, chain.lengths))


def negative_log_likelihood(chain: Chain, tags: Int[Tensor, "batch time"]) -> Float[Tensor, " batch"]:
    """Return -log P(tags), in nats a record (not a step): 0 for length 0, +inf where `tags` is not allowed.

    Tags at padding are not read. Differentiable once; the gradient is the expected counts less those of `tags`.
    """
    if torch.compiler.is_compiling():
        return cast(Tensor, _LOSS.forward(*chain.scores, chain.lengths, tags))
    if not chain.learns:
        exact = chain.detached()
        loss = _loss(log_partition_only(exact), path_score(exact, tags))
        return loss.to(chain.score_dtype)
    return _learned_loss(chain, tags)


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
    return (log_total - log_kept).masked_fill(log_kept == -torch.inf, torch.inf)


class _LogPartition(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor) -> Tensor:
        chain = Chain(emissions, lengths, transitions, start, end)
        exact = chain.detached()
        all_paths = posterior(exact)
        ctx.save_for_backward(exact.lengths, *all_paths)
        ctx.dtypes = [scores.dtype for scores in chain.scores]
        return all_paths.log_partition.to(chain.score_dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        lengths, *all_paths = ctx.saved_tensors
        counts = _Counts.of(Posterior(*all_paths), lengths, grad.double())
        return *counts.cast(ctx.dtypes), None


class _NegativeLogLikelihood(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor, tags: Tensor
    ) -> Tensor:
        chain = Chain(emissions, lengths, transitions, start, end)
        exact = chain.detached()
        all_paths, observed = posterior(exact), _Paths.of(tags, exact)
        observed_steps = exact.mask.T[..., None].double().neg_()
        all_paths.step_marginals.scatter_add_(2, observed.tags.T[..., None], observed_steps)
        ctx.save_for_backward(exact.lengths, observed.moves, *all_paths)
        ctx.dtypes = [scores.dtype for scores in chain.scores]
        return _loss(all_paths.log_partition, observed.score(exact)).to(chain.score_dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        lengths, moves, *all_paths = ctx.saved_tensors
        weights = grad.double()
        counts = _Counts.of(Posterior(*all_paths), lengths, weights)
        observed = weights.new_zeros((len(counts.start) + 1) ** 2)
        observed.index_add_(0, moves.flatten(), weights.repeat_interleave(moves.shape[1]))
        counts.transitions.sub_(observed.view(len(counts.start) + 1, -1)[:-1, :-1])
        return *counts.cast(ctx.dtypes), None, None


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
        path = pad(tags.long().masked_fill(is_padding, outside), (1, 1), value=outside)
        return cls(path[:, 1:-1].masked_fill(is_padding, 0), path[:, :-1] * (outside + 1) + path[:, 1:])

    def score(self, chain: Chain) -> Float[Tensor, " batch"]:
        """Return the score of each path."""
        steps = chain.emissions.gather(2, self.tags[..., None])[..., 0].masked_fill(~chain.mask, 0.0)
        edges = torch.cat([torch.cat([chain.transitions, chain.end[:, None]], 1), pad(chain.start, (0, 1))[None]])
        return steps.sum(1) + edges.take(self.moves).sum(1)


class _Counts(NamedTuple):
    """How often each score is used, times each record's weight: the gradient of the weighted sum of scores."""

    emissions: Float[Tensor, "time batch tag"]
    transitions: Float[Tensor, "prev_tag tag"]
    start: Float[Tensor, " tag"]
    end: Float[Tensor, " tag"]

    @classmethod
    def of(cls, paths: Posterior, lengths: Tensor, weights: Tensor) -> "_Counts":
        """Return the counts that `paths` expect. Those of start and end are those of the first and last steps."""
        emissions = paths.step_marginals * weights[:, None]
        is_last = torch.arange(len(emissions), device=lengths.device)[:, None] == lengths - 1
        return cls(emissions, paths.edge_counts(weights), emissions[:1].sum((0, 1)), emissions[is_last].sum(0))

    def cast(self, dtypes: list[torch.dtype]) -> list[Tensor]:
        """Return the counts batch first, in the types of the scores that they are gradients of."""
        counts = (self.emissions.transpose(0, 1), *self[1:])
        return [each.to(dtype) for each, dtype in zip(counts, dtypes, strict=True)]


def compiled_loss(chain: Chain, tags: Int[Tensor, "batch time"]) -> Float[Tensor, " batch"] | None:
    """Return -log P(tags) by the compiled sums, differentiable; None where a record needs more than these."""
    if not (chain_compiled.is_usable(chain) and chain.emissions.shape[1]):
        return None
    exact, tags = chain.detached(), tags.long().contiguous()
    sums = chain_compiled.sums(exact, tags)
    if not sums.is_exact.all():
        return None
    return cast(Tensor, apply(_CompiledLoss, *chain.scores, exact.lengths, tags, sums))


class _CompiledLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor, tags: Tensor, sums: Sums
    ) -> Tensor:
        chain = Chain(emissions, lengths, transitions, start, end)
        ctx.save_for_backward(lengths, tags, *sums)
        ctx.dtypes = [scores.dtype for scores in chain.scores]
        loss = sums.log_partition - sums.path_score
        return loss.masked_fill_(sums.path_score == -torch.inf, torch.inf).to(chain.score_dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        lengths, tags, *sums = ctx.saved_tensors
        counts = chain_compiled.counts(Sums(*sums), lengths, tags, grad.double())
        return *(each.to(dtype) for each, dtype in zip(counts, ctx.dtypes, strict=True)), None, None, None


def _learned_loss(chain: Chain, tags: Tensor) -> Tensor:
    compiled = compiled_loss(chain, tags)
    return compiled if compiled is not None else cast(Tensor, apply(_NegativeLogLikelihood, *chain.scores, chain.lengths, tags))


def _loss_of(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor, tags: Tensor) -> Tensor:
    return _learned_loss(Chain(emissions, lengths, transitions, start, end), tags)


def _partition_of(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor) -> Tensor:
    return log_partition(Chain(emissions, lengths, transitions, start, end))


def _shapes(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor, *_: Tensor) -> Tensor:
    return emissions.new_empty(len(lengths), dtype=torch.promote_types(emissions.dtype, torch.float32))


_SCORES = "Tensor emissions, Tensor transitions, Tensor start, Tensor end, Tensor lengths"
_PARTITION = Operator("chain_log_partition", _SCORES, _partition_of, shapes=_shapes)
_LOSS = Operator("chain_negative_log_likelihood", f"{_SCORES}, Tensor tags", _loss_of, shapes=_shapes)
