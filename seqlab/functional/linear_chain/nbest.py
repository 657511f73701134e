"""The best paths of a chain, any number of them: Viterbi with a list of the best at every tag (Seshadri and Sundberg 1994)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from seqlab.functional.linear_chain.chain import Chain


def best_paths(chain: Chain, n: int) -> tuple[Int[Tensor, "batch path time"], Float[Tensor, "batch path"]]:
    """Return the `n` best paths, the best first, with their scores; 0 at padding. Gives no gradient.

    Where there are fewer allowed paths (one, the empty one, for length 0), the rest have score -inf and tags of no meaning. The
    probability of a path is the exp of its score less the log partition.

    Raises: ValueError for `n` below 1.
    """
    if n < 1:
        raise ValueError(f"n is {n}; expected at least 1")
    exact = chain.detached()
    n_records, n_steps = exact.emissions.shape[:2]
    if not exact.mask.any():
        scores = exact.start.new_full((n_records, n), -torch.inf)
        scores[:, 0] = 0.0
        return exact.lengths.new_zeros(n_records, n, n_steps), scores.to(chain.score_dtype)
    lists, sources = _best_lists(exact, n)
    records = torch.arange(n_records, device=exact.lengths.device)
    # Empty records have no last step; they read step 0 and are overwritten below.
    finals = lists[(exact.lengths - 1).clamp(min=0), records] + exact.end[:, None]
    scores, places = best_of(finals.flatten(1), n)
    empty = exact.lengths == 0
    scores = scores.masked_fill(empty[:, None], -torch.inf)
    scores[empty, 0] = 0.0
    return _traced(exact, sources, places, n), scores.to(chain.score_dtype)


def _best_lists(chain: Chain, n: int) -> tuple[Float[Tensor, "time batch tag path"], list[Int[Tensor, "batch tag path"]]]:
    """Return the scores of the best paths up to each step and tag, and where each came from: tag * n + its place there."""
    emissions = chain.emissions.masked_fill(~chain.mask[..., None], 0.0).transpose(0, 1)
    current = emissions.new_full((*emissions.shape[1:], n), -torch.inf)
    # One step has one path to each tag; the other places of the list stay empty.
    current[..., 0] = chain.start + emissions[0]
    lists, sources = [current], [torch.zeros_like(current, dtype=torch.long)]
    for step in emissions[1:]:
        extended = lists[-1][..., None] + chain.transitions[:, None, :]  # batch, tag before, path, tag
        scores, places = best_of(extended.flatten(1, 2).transpose(1, 2), n)
        lists.append(scores + step[..., None])
        sources.append(places)
    return torch.stack(lists), sources


def best_of(scores: Float[Tensor, "*lead candidate"], n: int) -> tuple[Tensor, Tensor]:
    """Return the `n` best of the candidates, filled up with -inf, and their places."""
    # topk refuses more than there are candidates, as at the first steps of a chain with few tags.
    found, places = scores.topk(min(n, scores.shape[-1]), dim=-1)
    missing = n - found.shape[-1]
    return pad(found, (0, missing), value=-torch.inf), pad(places, (0, missing))


def _traced(chain: Chain, sources: list[Tensor], places: Tensor, n: int) -> Int[Tensor, "batch path time"]:
    """Return the tags of the paths that end at `places` (tag * n + place) of each record's last step."""
    tags = places.new_zeros(*places.shape, len(sources))
    for t in reversed(range(len(sources))):
        # Beyond a record's end its place is carried along unchanged, until the walk reaches its last step.
        is_within = (t < chain.lengths)[:, None]
        tags[..., t] = torch.where(is_within, places // n, 0)
        places = torch.where(is_within, sources[t].flatten(1).gather(1, places), places)
    return tags
