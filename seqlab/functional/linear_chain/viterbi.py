"""The best path of a chain (Viterbi 1967). Back-pointers are worked out along the best path only, on the way back."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.functional.linear_chain import compiled as chain_compiled
from seqlab.functional.linear_chain.chain import ARGUMENTS, Chain
from seqlab.functional.native import Operator


def viterbi(chain: Chain) -> tuple[Int[Tensor, "batch time"], Float[Tensor, " batch"]]:
    """Return the best tags (0 at padding) and their score: 0 for length 0; -inf, with any tags, if no path is allowed.

    Of equal paths, that with the smallest last tag is taken, then with the smallest last but one, and so on. Gives no
    gradient.
    """
    exact = chain.detached()
    if torch.compiler.is_compiling():
        tags, scores = _OPERATOR.forward(*exact.scores, exact.lengths)
        return tags, scores.to(chain.score_dtype)
    # Both implementations need at least one step.
    if not exact.mask.any():
        return exact.mask.long(), exact.start.new_zeros(exact.lengths.shape, dtype=chain.score_dtype)
    if chain_compiled.is_usable(exact):
        tags, scores = chain_compiled.best_path(exact)
        return tags, scores.to(chain.score_dtype)
    best = _best_scores(exact)
    records = torch.arange(best.shape[2], device=best.device)
    # An empty record reads step -1, the last one, whatever it holds; its score is set to 0 below.
    scores, last_tags = (best[exact.lengths - 1, :, records] + exact.end).max(1)
    tags = _trace_back(exact, best, last_tags)
    return tags, scores.masked_fill_(exact.lengths == 0, 0.0).to(chain.score_dtype)


def _best_scores(chain: Chain) -> Float[Tensor, "time tag batch"]:
    """Return the score of the best path up to each step and tag. Batch last: the maximum over tags is fastest so."""
    best = chain.emissions.masked_fill(~chain.mask[..., None], 0.0).permute(1, 2, 0).contiguous()
    n_steps, n_tags, n_records = best.shape
    transitions, extended = chain.transitions[..., None], best.new_empty(n_tags, n_tags, n_records)
    into = torch.empty_like(best[0])
    best[0] += chain.start[:, None]
    # Views are taken once, not once a step: at this size a view costs as much as the arithmetic.
    sources, targets = best[:, :, None].unbind(), best.unbind()
    for t in range(1, n_steps):
        torch.add(sources[t - 1], transitions, out=extended)
        torch.amax(extended, 0, out=into)
        targets[t].add_(into)
    return best


def _trace_back(chain: Chain, best: Tensor, last_tags: Tensor) -> Int[Tensor, "batch time"]:
    """Return the tags of the best paths. Done on the CPU: a step is little work, and a launch on a GPU costs more."""
    scores = best.transpose(1, 2).contiguous().cpu().numpy()
    # Rows by target tag, so that `take` reads memory in order.
    into_each = chain.transitions.T.contiguous().cpu().numpy()
    n_steps, n_records, _ = scores.shape
    lengths, last = chain.lengths.cpu().numpy(), last_tags.cpu().numpy()
    is_past = np.arange(n_steps)[:, None] >= lengths - 1
    tags = np.empty((n_steps, n_records), dtype=np.int64)
    tags[-1] = last
    candidates = np.empty_like(scores[0])
    for t in range(n_steps - 2, -1, -1):
        # mode="clip" writes straight into `out`; NumPy's default mode buffers it to check for errors first.
        into_each.take(tags[t + 1], axis=0, out=candidates, mode="clip")
        candidates += scores[t]
        candidates.argmax(1, out=tags[t])
        # At and beyond a record's last step the tag is that of the last step, which is where the way back begins.
        np.copyto(tags[t], last, where=is_past[t])
    return torch.from_numpy(tags).T.to(best.device).masked_fill(~chain.mask, 0)


_OPERATOR = Operator(
    "chain_viterbi",
    ARGUMENTS,
    lambda *parts: viterbi(Chain.of(parts[:-1], parts[-1])),
    shapes=lambda emissions, *_: (
        emissions.new_empty(emissions.shape[:2], dtype=torch.long),
        emissions.new_empty(len(emissions)),
    ),
    n_outputs=2,
    is_differentiable=False,
)
