"""The best path of a chain (Viterbi 1967). Back-pointers are worked out along the best path only, on the way back."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from seqlab.lattices.chain import Chain
from seqlab.lattices.chain_loss import path_score


def viterbi(chain: Chain) -> tuple[Int[Tensor, "batch time"], Float[Tensor, " batch"]]:
    """Return the best tags (0 at padding) and their score: 0 for length 0; -inf, with any tags, if no path is allowed.

    Of equal paths, that with the smallest last tag is taken, then with the smallest last but one, and so on. Gives no
    gradient.
    """
    exact = chain.detached()
    tags = exact.emissions.new_zeros(exact.emissions.shape[:2], dtype=torch.long)
    if tags.numel():
        tags = _trace_back(exact, _best_scores(exact))
    return tags, path_score(exact, tags).to(chain.score_dtype)


def _best_scores(chain: Chain) -> Float[Tensor, "time tag batch"]:
    """Return the score of the best path up to each step and tag. Batch last: the maximum over tags is fastest so."""
    emissions = chain.emissions.permute(1, 2, 0).contiguous().masked_fill_(~chain.mask.T[:, None], 0.0)
    n_steps, n_tags, n_records = emissions.shape
    transitions, into = chain.transitions[..., None], emissions.new_empty(n_tags, n_tags, n_records)
    emissions[0] += chain.start[:, None]
    best = torch.empty_like(emissions)
    best[0] = emissions[0]
    # Views are taken once, not once a step: at this size a view costs as much as the arithmetic.
    before, here, emitted = best[:, :, None].unbind(), best.unbind(), emissions.unbind()
    for t in range(1, n_steps):
        torch.add(before[t - 1], transitions, out=into)
        torch.amax(into, 0, out=here[t])
        here[t].add_(emitted[t])
    return best


def _trace_back(chain: Chain, best: Float[Tensor, "time tag batch"]) -> Int[Tensor, "batch time"]:
    """Return the tags of the best paths.

    Past its end each record stands in one more tag, `outside`, whose transition scores are those of the end; so all
    records go back from the last step of the batch, in the same operations.
    """
    n_steps, outside, n_records = best.shape
    mask = chain.mask
    scores = best.new_full((n_steps, outside + 1, n_records), -math.inf)
    scores[:, :outside] = best.masked_fill(~mask.T[:, None], -math.inf)
    scores[:, outside].masked_fill_(~mask.T, 0.0)
    transitions = pad(chain.transitions, (0, 1, 0, 1), value=-math.inf)
    transitions[:outside, outside], transitions[outside, outside] = chain.end, 0.0

    tags = torch.full((n_steps + 1, n_records), outside, device=best.device)
    from_each = torch.empty_like(scores[0])
    here, reached = tags.unbind(), scores.unbind()
    for t in range(n_steps - 1, -1, -1):
        torch.index_select(transitions, 1, here[t + 1], out=from_each)
        torch.argmax(from_each.add_(reached[t]), 0, out=here[t])
    return tags[:-1].T.masked_fill(~mask, 0)
