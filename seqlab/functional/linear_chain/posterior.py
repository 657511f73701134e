"""Partition and expected counts of a chain, by the scaled recursion, and in log space for the records that need it."""

import math
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqlab.functional.linear_chain import compiled as chain_compiled
from seqlab.functional.linear_chain.chain import ARGUMENTS, Chain
from seqlab.functional.linear_chain.log_space import log_space_sums
from seqlab.functional.linear_chain.scaled import scaled_sums
from seqlab.functional.native import Operator


class Posterior(NamedTuple):
    """The distribution over paths. A record without any allowed path has the partition -inf and counts of 0."""

    log_partition: Float[Tensor, " batch"]
    step_marginals: Float[Tensor, "time batch tag"]
    """P(tag at step); 0 at padding."""
    edge_sources: Float[Tensor, "time_minus_1 batch prev_tag"]
    edge_targets: Float[Tensor, "time_minus_1 batch tag"]
    edge_factors: Float[Tensor, "prev_tag tag"]
    """P(i at t-1, j at t) is edge_sources[t-1, i] · edge_factors[i, j] · edge_targets[t-1, j], but for some records:"""
    rest: Int[Tensor, " rest"]
    rest_edges: Float[Tensor, "rest prev_tag tag"]
    """Expected transition counts of the records `rest`."""

    def edge_counts(self, weights: Float[Tensor, " batch"]) -> Float[Tensor, "prev_tag tag"]:
        """Return the expected transition counts summed over the batch, each record's times its weight."""
        sources = (self.edge_sources * weights[:, None]).flatten(0, 1)
        # One matrix product for all steps and records; the factors of the transitions are common to all edges and come in
        # last.
        counts = (sources.T @ self.edge_targets.flatten(0, 1)) * self.edge_factors
        if len(self.rest):
            counts += torch.tensordot(weights[self.rest], self.rest_edges, dims=1)
        return counts


def log_partition_only(chain: Chain) -> Float[Tensor, " batch"]:
    """Return the partition of `chain` (float64), by the forward recursion alone."""
    if not chain.mask.any():
        return chain.start.new_zeros(chain.lengths.shape)
    if chain_compiled.is_usable(chain):
        log_partition, is_exact = chain_compiled.partition(chain)
    else:
        log_partition, is_exact = scaled_sums(chain, use_backward=False)[:2]
    if is_exact.all():
        return log_partition
    # Only these records pay for log space.
    rest = (~is_exact).nonzero()[:, 0]
    return log_partition.index_copy(0, rest, log_space_sums(chain.select(rest)).log_partition)


def posterior(chain: Chain) -> Posterior:
    """Return partition and expected counts of `chain` (float64)."""
    if not chain.mask.any():
        return _empty_posterior(chain)
    scaled, is_exact = _compiled(chain) if chain_compiled.is_usable(chain) else _scaled(chain)
    return scaled if is_exact.all() else _with_log_space(chain, ~is_exact, scaled)


def _compiled(chain: Chain) -> tuple[Posterior, Bool[Tensor, " batch"]]:
    """Return the posterior by the compiled recursion, and for which records it is exact."""
    sums = chain_compiled.sums(chain)
    found = Posterior(
        log_partition=sums.log_partition,
        step_marginals=sums.marginals.transpose(0, 1),
        edge_sources=sums.sources.transpose(0, 1),
        edge_targets=sums.targets.transpose(0, 1),
        edge_factors=sums.factors,
        **_no_rest(chain),
    )
    return found, sums.is_exact


def _scaled(chain: Chain) -> tuple[Posterior, Bool[Tensor, " batch"]]:
    """Return the posterior by products of tensors, and for which records it is exact."""
    sums = scaled_sums(chain, use_backward=True)
    # Inexact and impossible records hold meaningless numbers, perhaps 0/0: they are set to 0 before anything sums over the
    # batch.
    is_defined = chain.mask.T & (sums.is_exact & (sums.log_partition > -math.inf))
    marginals = sums.incoming * sums.backward
    scale = marginals.sum(-1, keepdim=True).reciprocal_().masked_fill_(~is_defined[..., None], 0.0)
    found = Posterior(
        log_partition=sums.log_partition,
        step_marginals=marginals.mul_(scale),
        edge_sources=sums.forward[:-1],
        # The scale of a step turns the product of both sides into a probability; it goes into one factor only.
        edge_targets=sums.backward[1:] * scale[1:],
        edge_factors=sums.kernel,
        **_no_rest(chain),
    )
    return found, sums.is_exact


def _no_rest(chain: Chain) -> dict[str, Tensor]:
    return {"rest": chain.lengths[:0], "rest_edges": chain.transitions[None][:0]}


def _with_log_space(chain: Chain, is_rest: Bool[Tensor, " batch"], scaled: Posterior) -> Posterior:
    """Return `scaled` with the records `is_rest`, whose counts are 0 in it, done in log space."""
    rest = is_rest.nonzero()[:, 0]
    sums = log_space_sums(chain.select(rest))
    # The scaled sums may belong to tensors that the backward pass reads.
    marginals = scaled.step_marginals.clone()
    marginals[: sums.step_marginals.shape[0], rest] = sums.step_marginals
    return scaled._replace(
        log_partition=scaled.log_partition.index_copy(0, rest, sums.log_partition),
        step_marginals=marginals,
        rest=rest,
        rest_edges=sums.edge_counts,
    )


def _empty_posterior(chain: Chain) -> Posterior:
    """Return the posterior of a batch without any real step: one path, the empty one, for each record."""
    no_edges = chain.emissions.new_zeros(0, len(chain.lengths), len(chain.start))
    return Posterior(
        log_partition=chain.start.new_zeros(chain.lengths.shape),
        step_marginals=torch.zeros_like(chain.emissions).transpose(0, 1),
        edge_sources=no_edges,
        edge_targets=no_edges,
        edge_factors=torch.zeros_like(chain.transitions),
        **_no_rest(chain),
    )


def marginals(chain: Chain) -> Float[Tensor, "batch time tag"]:
    """Return P(tag at step): 0 at padding and where no path is allowed. No gradient."""
    exact = chain.detached()
    # The recursion loops over steps and calls NumPy or C, which torch.compile cannot trace: it sees one opaque operator.
    if torch.compiler.is_compiling():
        return cast(Tensor, _MARGINALS.forward(*exact.scores, exact.lengths)).to(chain.score_dtype)
    return posterior(exact).step_marginals.transpose(0, 1).to(chain.score_dtype)


_MARGINALS = Operator(
    "chain_marginals",
    ARGUMENTS,
    lambda *parts: marginals(Chain.of(parts[:-1], parts[-1])),
    shapes=lambda emissions, *_: torch.empty_like(emissions, memory_format=torch.contiguous_format),
    is_differentiable=False,
)
