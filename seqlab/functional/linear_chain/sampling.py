"""Sample from a chain as a Markov chain: from left to right, each tag by its probability given the tag before.

From the log sums over all that follows, b_t(i) = log Σ_j exp(transition(i, j) + emission_{t+1}(j) + b_{t+1}(j)), come
P(y_0 = j) ∝ exp(start(j) + emission_0(j) + b_0(j)) and
P(y_t = j | y_{t-1} = i) ∝ exp(transition(i, j) + emission_t(j) + b_t(j)).
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.functional.linear_chain.chain import Chain


def sample(chain: Chain, n: int, *, generator: torch.Generator | None = None) -> Int[Tensor, "batch sample time"]:
    """Return `n` paths of each record, drawn by their probabilities; 0 at padding and where no path is allowed. No gradient."""
    exact = chain.detached()
    n_records, n_steps, _ = exact.emissions.shape
    tags = exact.lengths.new_zeros(n_records, n, n_steps)
    for t, given in enumerate(_conditionals(exact)):
        before = tags[:, :, t - 1, None] if t else tags[:, :, :1]
        rows = given.gather(1, before.expand(-1, -1, given.shape[2]))
        # In float64, as the rows: a float32 draw cannot hit events rarer than 2^-24.
        draws = torch.rand(n_records, n, 1, dtype=rows.dtype, device=rows.device, generator=generator)
        below = rows.cumsum(-1) <= draws * rows.sum(-1, keepdim=True)  # rounding may leave a sum short of 1
        # Without the clamp a draw equal to the row's sum would give the id after the last tag.
        drawn = below.sum(-1).clamp(max=rows.shape[-1] - 1)
        tags[:, :, t] = torch.where((t < exact.lengths)[:, None] & (rows.sum(-1) > 0), drawn, 0)
    return tags


def entropy(chain: Chain) -> Float[Tensor, " batch"]:
    """Return the entropy of the distribution over paths, in nats: 0 for length 0, NaN where no path is allowed. No gradient.

    A sum of entropies of single steps, each at least 0, so that no large numbers cancel (Hernando et al. 2005).
    """
    exact = chain.detached()
    total = exact.start.new_zeros(exact.lengths.shape)
    reached: Tensor | None = None
    for t, given in enumerate(_conditionals(exact)):
        of_rows = torch.special.entr(given).sum(-1)
        # The first step has one row, that of the start, and no distribution over tags before it.
        weights = given.new_ones(len(given), 1) if reached is None else reached
        is_step = t < exact.lengths
        total = total + (weights * of_rows).sum(-1).masked_fill(~is_step, 0.0)
        after = (weights[:, None] @ given)[:, 0]
        # Only at the first step does a sum of 0 mean that no path is allowed: every later tag was reached by an allowed
        # one.
        if reached is None:
            total = total.masked_fill(is_step & (after.sum(-1) == 0), torch.nan)
        reached = after
    return total.to(chain.score_dtype)


def _conditionals(chain: Chain) -> Iterator[Float[Tensor, "batch prev_tag tag"]]:
    """Yield P(tag | tag before) of each step; of the first, one row. Rows of tags from which nothing leads on are 0."""
    emissions = chain.emissions.masked_fill(~chain.mask[..., None], 0.0).transpose(0, 1)
    following = _following(chain, emissions)
    for t, (step, after) in enumerate(zip(emissions, following, strict=True)):
        into = (step + after)[:, None]
        scores = into + (chain.transitions if t else chain.start)
        yield probabilities(scores)


def _following(chain: Chain, emissions: Float[Tensor, "time batch tag"]) -> Float[Tensor, "time batch tag"]:
    """Return b: the log of the sum over all that follows each step and tag, the end's score included; the end's at padding."""
    sums = chain.end.expand_as(emissions).clone()
    for t in reversed(range(len(emissions) - 1)):
        # Beyond a record's last step the value stays that of the end, so that the recursion begins there.
        inner = ((emissions[t + 1] + sums[t + 1])[:, None] + chain.transitions).logsumexp(-1)
        sums[t] = torch.where((t < chain.lengths - 1)[:, None], inner, sums[t])
    return sums


def probabilities(scores: Float[Tensor, "*lead tag"]) -> Float[Tensor, "*lead tag"]:
    """Return the softmax over the tags, 0 where all are -inf."""
    # softmax of a row of -inf is 0/0.
    return scores.softmax(-1).nan_to_num(nan=0.0)
