"""The conditional random field as a token head."""

from dataclasses import replace
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.fields import NO_TARGET, TagTargets
from seqlab.errors import ConfigError
from seqlab.functional import linear_chain
from seqlab.functional.linear_chain import Chain, second_order
from seqlab.functional.linear_chain.second_order import SecondOrderChain
from seqlab.heads.parts.constraints import Readings, SchemeConstraints
from seqlab.heads.parts.ranges import check_at_least
from seqlab.heads.tag import OUTSIDE
from seqlab.heads.token import LinearTokenHead
from seqlab.steps import Steps
from seqlab.types import Alternative


class CrfTokenHead(LinearTokenHead):
    """Linear-chain CRF (Lafferty et al. 2001): scores of tags and of their transitions, normalised over whole sequences.

    Transitions that the span scheme forbids have probability 0, in training as in decoding.

    `omission_cost` (nats, 0 = plain likelihood) handicaps the gold path by that much at each step of a span wherever a
    rival path says `O` there, so that training pushes such rivals further down and recall rises: the softmax-margin of
    Gimpel and Smith (2010), with the recall-oriented cost of Mohit et al. (2012).
    """

    def __init__(self, *, target: TagTargets, input_width: int, summary_width: int, omission_cost: float) -> None:
        super().__init__(target=target, input_width=input_width, summary_width=summary_width)
        check_at_least(omission_cost, 0, path="heads.tags.omission_cost")
        n_tags = len(target.tags)
        self.omission_cost = omission_cost
        self.transitions = nn.Parameter(torch.empty(n_tags, n_tags).uniform_(-0.1, 0.1))
        self.start = nn.Parameter(torch.empty(n_tags).uniform_(-0.1, 0.1))
        self.end = nn.Parameter(torch.empty(n_tags).uniform_(-0.1, 0.1))
        self.constraints, self.readings = SchemeConstraints(target), Readings(target)

    def _chain(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Chain:
        transitions, start, end = (self.temperature(part) for part in (self.transitions, self.start, self.end))
        return self.constraints.chain(scores, steps.lengths, transitions=transitions, start=start, end=end)

    def _distribution(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Chain | None:
        return self._chain(scores, steps)

    def _loss(
        self, scores: Float[Tensor, "batch time tag"], tags: Int[Tensor, "batch time"], steps: Steps
    ) -> Float[Tensor, ""]:
        if self.training and self.omission_cost and OUTSIDE in self.target.tags:
            outside = self.target.tags.index(OUTSIDE)
            is_inside = ~self.readings.allowed(tags)[..., outside]
            cost = torch.zeros_like(scores)
            cost[..., outside] = self.omission_cost * is_inside
            scores = scores + cost
        chain = self._chain(scores, steps)
        is_open = (self.readings.single(tags) == NO_TARGET) & steps.mask
        if is_open.any():
            losses = self._partial_losses(chain, self.readings.allowed(tags))
        else:
            losses = self._losses(chain, tags.clamp(min=0))
        return losses.sum() / steps.lengths.sum().clamp(min=1)

    def _losses(self, chain: Chain, tags: Int[Tensor, "batch time"]) -> Float[Tensor, " batch"]:
        return linear_chain.negative_log_likelihood(chain, tags)

    def _partial_losses(self, chain: Chain, allowed: Bool[Tensor, "batch time tag"]) -> Float[Tensor, " batch"]:
        return linear_chain.partial_negative_log_likelihood(chain, allowed)

    def _decode(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Int[Tensor, "batch time"]:
        return linear_chain.viterbi(self._chain(scores, steps))[0]

    def _probabilities(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Float[Tensor, "batch time tag"]:
        return linear_chain.marginals(self._chain(scores, steps))

    def _log_probabilities(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Float[Tensor, "batch time tag"]:
        return linear_chain.log_marginals(self._chain(scores, steps))


@final
class SecondOrderCrfTokenHead(CrfTokenHead):
    """A CRF that scores three neighbouring tags at once, beside what the first-order one scores.

    A step costs (number of tags)^4: for some twenty tags at most.
    """

    def __init__(self, *, target: TagTargets, input_width: int, summary_width: int, omission_cost: float) -> None:
        super().__init__(target=target, input_width=input_width, summary_width=summary_width, omission_cost=omission_cost)
        n_tags = len(target.tags)
        self.triples = nn.Parameter(torch.zeros(n_tags, n_tags, n_tags))

    def _distribution(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> None:
        """Return None: tags are no Markov chain here, pairs of them are."""
        return

    def best(self, steps: Steps, batch: Batch, *, n: int) -> list[list[Alternative]]:
        """Return the `n` likeliest sequences of tags."""
        chain = self._second(self._chain(self._scores(steps), steps))
        paths, scores = second_order.best_paths(chain, n)
        return self._ranked(paths, scores - second_order.log_partition(chain).unsqueeze(1), steps)

    def entropy(self, steps: Steps, batch: Batch) -> Float[Tensor, " batch"]:
        """Return the entropy of the distribution over sequences of tags."""
        return second_order.entropy(self._second(self._chain(self._scores(steps), steps)))

    def _losses(self, chain: Chain, tags: Int[Tensor, "batch time"]) -> Float[Tensor, " batch"]:
        return second_order.negative_log_likelihood(self._second(chain), tags)

    def _partial_losses(self, chain: Chain, allowed: Bool[Tensor, "batch time tag"]) -> Float[Tensor, " batch"]:
        agreeing = replace(chain, emissions=chain.emissions.masked_fill(~allowed, -torch.inf))
        return second_order.log_partition(self._second(chain)) - second_order.log_partition(self._second(agreeing))

    def _decode(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Int[Tensor, "batch time"]:
        return second_order.viterbi(self._second(self._chain(scores, steps)))[0]

    def _probabilities(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Float[Tensor, "batch time tag"]:
        return second_order.marginals(self._second(self._chain(scores, steps)))

    def _log_probabilities(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Float[Tensor, "batch time tag"]:
        raise ConfigError("heads.tags, a CRF of second order, cannot learn a teacher's probabilities; use crf or softmax")

    def _second(self, chain: Chain) -> SecondOrderChain:
        return SecondOrderChain(chain, self.temperature(self.triples))
