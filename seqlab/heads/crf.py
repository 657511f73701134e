"""Conditional random fields as token heads."""

from abc import abstractmethod
from types import MappingProxyType
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.data.fields import NO_TARGET, TagTargets
from seqlab.functional.linear_chain import Chain
from seqlab.functional.linear_chain.second_order import SecondOrderChain
from seqlab.heads.distributions import ChainTags, SecondOrderTags
from seqlab.heads.parts.constraints import Readings, SchemeConstraints
from seqlab.heads.parts.ranges import check_at_least
from seqlab.heads.token import CANNOT_BE_TAUGHT, OUTSIDE, LinearTokenHead
from seqlab.steps import Steps


class TransitionHead(LinearTokenHead):
    """A token head with scores of transitions, normalised over whole sequences; forbidden transitions have probability 0."""

    def __init__(self, *, target: TagTargets, input_width: int, summary_width: int, omission_cost: float) -> None:
        super().__init__(target=target, input_width=input_width, summary_width=summary_width)
        check_at_least(omission_cost, 0, name="omission_cost")
        n_tags = len(target.tags)
        self.omission_cost = omission_cost
        self.transitions = nn.Parameter(torch.empty(n_tags, n_tags).uniform_(-0.1, 0.1))
        self.start = nn.Parameter(torch.empty(n_tags).uniform_(-0.1, 0.1))
        self.end = nn.Parameter(torch.empty(n_tags).uniform_(-0.1, 0.1))
        self.constraints, self.readings = SchemeConstraints(target), Readings(target)

    def _chain(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Chain:
        transitions, start, end = (self.temperature(part) for part in (self.transitions, self.start, self.end))
        return self.constraints.chain(scores, steps.lengths, transitions=transitions, start=start, end=end)

    def _loss(
        self, scores: Float[Tensor, "batch time tag"], tags: Int[Tensor, "batch time"], steps: Steps
    ) -> Float[Tensor, ""]:
        if self.training and self.omission_cost and OUTSIDE in self.target.tags:
            outside = self.target.tags.index(OUTSIDE)
            is_inside = ~self.readings.allowed(tags)[..., outside]
            cost = torch.zeros_like(scores)
            cost[..., outside] = self.omission_cost * is_inside
            scores = scores + cost
        believed = self._distribution(scores, steps)
        is_open = (self.readings.single(tags) == NO_TARGET) & steps.mask
        if is_open.any():
            log_probs = believed.log_prob_among(self.readings.allowed(tags))
        else:
            log_probs = believed.log_prob(tags.clamp(min=0))
        return -log_probs.sum() / steps.lengths.sum().clamp(min=1)

    @abstractmethod
    def _distribution(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> ChainTags | SecondOrderTags: ...


@final
class CrfTokenHead(TransitionHead):
    """Linear-chain CRF (Lafferty et al. 2001): scores of tags and of their transitions, normalised over whole sequences.

    Transitions that the span scheme forbids have probability 0, in training and in decoding.

    Args:
        target: Field of the tags.
        input_width: Features of a step.
        summary_width: Features of the encoder's summary; not used.
        omission_cost: Nats, at least 0, that a rival path gains in training at each step of a gold span where it says `O`.
            Training then pushes such rivals further down, and recall rises: the softmax-margin of Gimpel and Smith (2010) with
            the recall-oriented cost of Mohit et al. (2012). 0 is the plain likelihood.
    """

    def _distribution(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> ChainTags:
        return ChainTags(self._chain(scores, steps), self.reader)


@final
class SecondOrderCrfTokenHead(TransitionHead):
    """A CRF that also scores three neighbouring tags at once.

    A step costs (number of tags)^4, which limits it to some twenty tags.

    Args:
        target: Field of the tags.
        input_width: Features of a step.
        summary_width: Features of the encoder's summary; not used.
        omission_cost: As in `CrfTokenHead`.
    """

    lacks = MappingProxyType({"log_marginals": f"a CRF of second order {CANNOT_BE_TAUGHT}"})

    def __init__(self, *, target: TagTargets, input_width: int, summary_width: int, omission_cost: float) -> None:
        super().__init__(target=target, input_width=input_width, summary_width=summary_width, omission_cost=omission_cost)
        n_tags = len(target.tags)
        self.triples = nn.Parameter(torch.zeros(n_tags, n_tags, n_tags))

    def _distribution(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> SecondOrderTags:
        return SecondOrderTags(SecondOrderChain(self._chain(scores, steps), self.temperature(self.triples)), self.reader)
