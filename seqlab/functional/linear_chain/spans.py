"""Probabilities of spans: that a path has given tags at neighbouring steps, and does not go on with the span on either side.

A chain's paths are Markov chains, so P(tags at steps s to e) = P(y_s) Π P(y_t | y_{t-1}), and given its ends what stands before
and after a span are independent of each other (the constrained sums of Culotta and McCallum 2004, without their recursions).
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from seqlab.functional.linear_chain.chain import Chain
from seqlab.functional.linear_chain.posterior import Posterior, log_partition_only, posterior


@dataclass(frozen=True)
class Stretches:
    """Slices of the steps of records, at least one step long."""

    records: Int[Tensor, " stretch"]
    starts: Int[Tensor, " stretch"]
    ends: Int[Tensor, " stretch"]
    """Exclusive."""


def span_probabilities(
    chain: Chain,
    tags: Int[Tensor, "batch time"],
    spans: Stretches,
    *,
    goes_on: Bool[Tensor, "prev_tag tag"],
    sums: Posterior | None = None,
) -> Float[Tensor, " stretch"]:
    """Return for each span P(its steps have `tags`, and neither the step before nor the one after belongs to it).

    A pair of neighbouring tags belongs to one span where it `goes_on`. `sums` is the posterior of the chain in float64; None:
    it is computed. 0 where no path is allowed. No gradient.
    """
    exact = chain.detached()
    found = exact.start.new_zeros(spans.records.shape)
    if not len(found):
        return found.to(chain.score_dtype)
    if sums is None:
        sums = posterior(exact)
    probs = _by_edges(sums, exact, tags, spans, goes_on)
    is_rest = torch.isin(spans.records, sums.rest)
    if is_rest.any():
        rest = Stretches(spans.records[is_rest], spans.starts[is_rest], spans.ends[is_rest])
        # The scaled edges of these records are 0; constrained sums cost two recursions a span, which only they pay.
        probs[is_rest] = _by_sums(exact, tags, rest, goes_on)
    # Differences such as 1 - share may fall below 0, or products above 1, by rounding.
    return probs.clamp(0.0, 1.0).to(chain.score_dtype)


def _by_edges(sums: Posterior, chain: Chain, tags: Tensor, spans: Stretches, goes_on: Tensor) -> Tensor:
    """Return the probabilities from those of steps and of neighbouring steps."""
    path, records = tags.T, spans.records
    at_step = sums.step_marginals.gather(2, path.unsqueeze(2))[..., 0]
    total = at_step[spans.starts, records]
    last = chain.lengths[records]
    if len(path) == 1:
        return total
    before, after = path[:-1], path[1:]
    sources = sums.edge_sources.gather(2, before.unsqueeze(2))[..., 0]
    targets = sums.edge_targets.gather(2, after.unsqueeze(2))[..., 0]
    # The path need not be possible: a step with probability 0 gives 0/0 here, which the counts of impossible moves catch.
    ratios = sources * sums.edge_factors[before, after] * targets / at_step[:-1]  # P(y_t | y_{t-1}) at t - 1
    logs = torch.where(ratios > 0, ratios.log(), 0.0)
    # Running sums of logs answer all spans at once, but -inf would make every later difference NaN. So impossible moves
    # count apart.
    n_impossible = _summed_before((~(ratios > 0)).to(logs.dtype))
    running = _summed_before(logs)
    inside = running[spans.ends - 1, records] - running[spans.starts, records]
    is_possible = n_impossible[spans.ends - 1, records] == n_impossible[spans.starts, records]
    total = torch.where(is_possible, total * inside.exp(), 0.0)

    first_tag, last_tag = path[spans.starts, records], path[spans.ends - 1, records]
    # A span that ends with the record has no edge after it; it reads some edge, and the result is dropped below.
    edge = (spans.ends - 1).clamp(max=len(path) - 2)
    onward = (sums.edge_factors * goes_on)[last_tag] * sums.edge_targets[edge, records]
    share = sums.edge_sources[edge, records, last_tag] * onward.sum(1) / at_step[spans.ends - 1, records]
    total = total * torch.where(spans.ends < last, 1 - share, 1.0)
    edge = (spans.starts - 1).clamp(min=0)
    inward = (sums.edge_factors * goes_on)[:, first_tag].T * sums.edge_sources[edge, records]
    share = sums.edge_targets[edge, records, first_tag] * inward.sum(1) / at_step[spans.starts, records]
    total = total * torch.where(spans.starts > 0, 1 - share, 1.0)
    # 0/0 of records without any allowed path.
    return total.nan_to_num(nan=0.0)


def _summed_before(values: Float[Tensor, "time batch"]) -> Float[Tensor, "time_plus_1 batch"]:
    """Return the sum of all values before each step."""
    return torch.cat([torch.zeros_like(values[:1]), values.cumsum(0)])


def _by_sums(chain: Chain, tags: Tensor, spans: Stretches, goes_on: Tensor) -> Tensor:
    """Return the probabilities as the share of the paths that agree, for records that were done in log space."""
    own = chain.select(spans.records)
    path = tags[spans.records, : own.emissions.shape[1]]
    step = torch.arange(path.shape[1], device=path.device)
    starts, ends = spans.starts[:, None], spans.ends[:, None]
    is_own = one_hot(path, len(chain.start)).bool()
    first = path.gather(1, starts)[:, 0]
    last = path.gather(1, ends - 1)[:, 0]
    allowed = torch.where(((step >= starts) & (step < ends))[..., None], is_own, True)
    allowed &= (step != starts - 1)[..., None] | ~goes_on.T[first][:, None]
    allowed &= (step != ends)[..., None] | ~goes_on[last][:, None]
    agreeing = replace(own, emissions=own.emissions.masked_fill(~allowed, -torch.inf))
    return (log_partition_only(agreeing) - log_partition_only(own)).exp().nan_to_num(nan=0.0)
