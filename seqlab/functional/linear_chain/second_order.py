"""The second-order linear chain, whose scores reach over three tags, as a linear chain over pairs of neighbouring tags.

The state at step t is the pair (y_{t-1}, y_t); at the first step, where there is no tag before, it is (none, y_0). From
(i, j) one gets to (j, k) alone, at transitions[j, k] + triples[i, j, k]. So every function is that of
`seqlab.functional.linear_chain`, as exact, on n_tags · (n_tags + 1) states: a step costs n_tags⁴.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from seqlab.functional import linear_chain
from seqlab.functional.linear_chain.chain import Chain


@dataclass(frozen=True)
class SecondOrderChain:
    """Scores (logits, any real numbers or -inf) of all tag paths: those of a `Chain`, and of three tags in a row.

    The score of a path is that in `chain`, and Σ_t triples[y_{t-2}, y_{t-1}, y_t] for all t from 2 on.
    """

    chain: Chain
    triples: Float[Tensor, "prev2_tag prev_tag tag"]

    @property
    def n_tags(self) -> int:
        """Tags, without the one that stands for none."""
        return len(self.chain.start)

    def pairs(self) -> Chain:
        """Return the chain over pairs: (i, j) is its tag i * n_tags + j, where i = n_tags is none. Differentiable."""
        n_tags, first = self.n_tags, self.chain
        emissions = first.emissions.to(first.score_dtype)[:, :, None].expand(-1, -1, n_tags + 1, -1)
        # The padded plane is that of "none" as the tag before last: the second step has no triple.
        moves = first.transitions.double() + pad(self.triples.double(), (0, 0, 0, 0, 0, 1))
        # A move from (i, j) to (k, l) needs j = k; everything else is forbidden.
        is_same = torch.eye(n_tags, n_tags + 1, dtype=torch.bool, device=moves.device)[:, :, None]
        n_states = (n_tags + 1) * n_tags
        return replace(
            first,
            emissions=emissions.flatten(2),
            transitions=torch.where(is_same, moves[:, :, None], -torch.inf).view(n_states, n_states),
            start=pad(first.start.double(), (n_tags * n_tags, 0), value=-torch.inf),
            # The end depends on the last tag alone, whatever stands before it.
            end=first.end.double().repeat(n_tags + 1),
        )

    def states(self, tags: Int[Tensor, "batch time"]) -> Int[Tensor, "batch time"]:
        """Return the pairs that `tags` run through."""
        # The slice matters for a batch of 0 steps, which the pad would make 1 wide.
        before = pad(tags[:, :-1], (1, 0), value=self.n_tags)[:, : tags.shape[1]]
        return before * self.n_tags + tags


def log_partition(chain: SecondOrderChain) -> Float[Tensor, " batch"]:
    """Return the log of the sum of exp(score) over all paths: 0 for length 0, -inf where no path is allowed.

    Differentiable once.
    """
    return linear_chain.log_partition(chain.pairs())


def negative_log_likelihood(chain: SecondOrderChain, tags: Int[Tensor, "batch time"]) -> Float[Tensor, " batch"]:
    """Return -log P(tags), in nats a record: 0 for length 0, +inf where `tags` is not allowed.

    Tags at padding are not read. Differentiable once.
    """
    return linear_chain.negative_log_likelihood(chain.pairs(), chain.states(tags))


def path_score(chain: SecondOrderChain, tags: Int[Tensor, "batch time"]) -> Float[Tensor, " batch"]:
    """Return the score of one path a record: 0 for length 0. Tags at padding are not read. Differentiable."""
    return linear_chain.path_score(chain.pairs(), chain.states(tags))


def marginals(chain: SecondOrderChain) -> Float[Tensor, "batch time tag"]:
    """Return P(tag at step): 0 at padding and where no path is allowed. No gradient."""
    of_pairs = linear_chain.marginals(chain.pairs())
    return of_pairs.view(*of_pairs.shape[:2], chain.n_tags + 1, chain.n_tags).sum(2)


def viterbi(chain: SecondOrderChain) -> tuple[Int[Tensor, "batch time"], Float[Tensor, " batch"]]:
    """Return the best tags (0 at padding) and their score: 0 for length 0; -inf, with any tags, if no path is allowed.

    Of equal paths, that with the smallest last tag is taken. Gives no gradient.
    """
    # State i * n_tags + j stands for the pair (i, j), so the remainder is the tag of the step.
    states, scores = linear_chain.viterbi(chain.pairs())
    return states % chain.n_tags, scores


def best_paths(chain: SecondOrderChain, n: int) -> tuple[Int[Tensor, "batch path time"], Float[Tensor, "batch path"]]:
    """Return the `n` best paths, the best first, with their scores, as `linear_chain.best_paths` does."""
    states, scores = linear_chain.best_paths(chain.pairs(), n)
    return states % chain.n_tags, scores


def sample(chain: SecondOrderChain, n: int, *, generator: torch.Generator | None = None) -> Int[Tensor, "batch sample time"]:
    """Return `n` paths of each record, drawn by their probabilities; 0 at padding and where no path is allowed. No gradient."""
    return linear_chain.sample(chain.pairs(), n, generator=generator) % chain.n_tags


def entropy(chain: SecondOrderChain) -> Float[Tensor, " batch"]:
    """Return the entropy of the distribution over paths, in nats: 0 for length 0, NaN where no path is allowed. No gradient."""
    return linear_chain.entropy(chain.pairs())
