"""Conditional random fields as token heads."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.fields import NO_TARGET, TagTargets
from seqlab.errors import ConfigError
from seqlab.functional.linear_chain import Chain, step_log_probs
from seqlab.functional.linear_chain.second_order import SecondOrderChain
from seqlab.functional.widths import Linear
from seqlab.heads.distributions import ChainTags, SecondOrderTags
from seqlab.heads.parts.constraints import TagConstraints
from seqlab.heads.parts.cross_entropy import NO_WEIGHTS, label_weights, mean
from seqlab.heads.parts.options import check_option
from seqlab.heads.parts.temperature import Temperature
from seqlab.heads.token import CANNOT_BE_TAUGHT, OUTSIDE, TokenHead
from seqlab.steps import Steps

_AXES = {"projection.weight": "l-", "projection.bias": "l", "transitions": "ll", "start": "l", "end": "l"}


def transition_scores(n_labels: int) -> list[nn.Parameter]:
    """Return random scores of transitions, (previous label, label), and of labels that start and that end a record."""
    # the range of pytorch-crf; near 0, so that emissions decide at first
    return [nn.Parameter(torch.empty(shape).uniform_(-0.1, 0.1)) for shape in ((n_labels, n_labels), (n_labels,), (n_labels,))]


@final
class CrfTokenHead(TokenHead):
    """Linear-chain CRF (Lafferty et al. 2001): scores of tags and of their transitions, normalised over whole sequences.

    Transitions that the span scheme forbids have probability 0, in training and in decoding.

    Args:
        target: Field of the tags.
        input_width: Features per step.
        summary_width: Features of the encoder's summary; not used.
        omission_cost: Nats, at least 0, that a rival path gains in training at each token of a gold span that it tags `O`.
            Training then pushes such rivals further down, and recall rises: the softmax-margin of Gimpel and Smith (2010) with
            the recall-oriented cost of Mohit et al. (2012). 0 is the plain likelihood.
        class_weights: Tag -> weight, at least 0, of its tokens in training; 1 for tags that it lacks. It weighs the factor
            P(tag | tag before) of the likelihood, so that equal weights change nothing. For fully annotated records only.
    """

    class_weights: Tensor | None
    item_axes = MappingProxyType(_AXES)

    def __init__(
        self,
        *,
        target: TagTargets,
        input_width: int,
        summary_width: int,
        omission_cost: float = 0.0,
        class_weights: Mapping[str, float] = NO_WEIGHTS,
    ) -> None:
        super().__init__(target=target)
        check_option(0 <= omission_cost < math.inf, "a number, at least 0", omission_cost=omission_cost)
        if omission_cost and class_weights:
            raise ConfigError("omission_cost and class_weights both change the loss; set one of them")
        self.register_buffer("class_weights", label_weights(class_weights, target.tags), persistent=False)
        self.projection, self.temperature = Linear(input_width, len(target.tags)), Temperature()
        self.transitions, self.start, self.end = transition_scores(len(target.tags))
        self.constraints, self.omission_cost = TagConstraints(target), omission_cost

    def distribution(self, steps: Steps, batch: Batch) -> ChainTags:
        return ChainTags(_chain(self, steps), self.reader)

    def _loss(self, believed: ChainTags, tags: Int[Tensor, "batch time"], steps: Steps) -> Float[Tensor, ""]:
        if not self.training or self.class_weights is None:
            return _path_loss(self, believed, tags, steps)
        targets = self.constraints.single(tags)
        if ((targets == NO_TARGET) & steps.mask).any():
            raise ConfigError(f"{self.path}.class_weights are for fully annotated records; remove them")
        targets = targets.masked_fill(~steps.mask, 0)
        logs = step_log_probs(believed.chain, targets)
        weights = self.class_weights[targets].masked_fill(~steps.mask, 0.0)
        return mean(-(weights * logs).sum().to(believed.chain.score_dtype), weights.sum())


@final
class SecondOrderCrfTokenHead(TokenHead):
    """CRF that also scores every three neighbouring tags.

    A token costs (number of tags)^4, which limits it to some twenty tags.

    Args:
        target: Field of the tags.
        input_width: Features per step.
        summary_width: Features of the encoder's summary; not used.
        omission_cost: As in `CrfTokenHead`.
    """

    lacks = MappingProxyType({"log_marginals": f"a CRF of second order {CANNOT_BE_TAUGHT}"})
    item_axes = MappingProxyType({**_AXES, "triples": "lll"})

    def __init__(self, *, target: TagTargets, input_width: int, summary_width: int, omission_cost: float = 0.0) -> None:
        super().__init__(target=target)
        check_option(0 <= omission_cost < math.inf, "a number, at least 0", omission_cost=omission_cost)
        n_tags = len(target.tags)
        self.projection, self.temperature = Linear(input_width, n_tags), Temperature()
        self.transitions, self.start, self.end = transition_scores(n_tags)
        self.constraints, self.omission_cost = TagConstraints(target), omission_cost
        # zeros: a new model starts as a first-order CRF
        self.triples = nn.Parameter(torch.zeros(n_tags, n_tags, n_tags))

    def distribution(self, steps: Steps, batch: Batch) -> SecondOrderTags:
        return SecondOrderTags(SecondOrderChain(_chain(self, steps), self.temperature(self.triples)), self.reader)

    def _loss(self, believed: SecondOrderTags, tags: Int[Tensor, "batch time"], steps: Steps) -> Float[Tensor, ""]:
        return _path_loss(self, believed, tags, steps)


_Crf: TypeAlias = CrfTokenHead | SecondOrderCrfTokenHead


def _chain(head: _Crf, steps: Steps) -> Chain:
    scores = head.temperature(head.projection(steps.zero_padded().values))
    return head.constraints.chain(scores, steps.lengths, *map(head.temperature, (head.transitions, head.start, head.end)))


def _path_loss(
    head: _Crf, believed: ChainTags | SecondOrderTags, tags: Int[Tensor, "batch time"], steps: Steps
) -> Float[Tensor, ""]:
    """Return -log P(tags) per token, summed over all paths that the annotation allows."""
    allowed = head.constraints.allowed(tags)
    if head.training and head.omission_cost and OUTSIDE in head.target.tags:
        outside = head.target.tags.index(OUTSIDE)
        # the cost raises the score of O inside gold spans, so that paths through it must lose by more
        costs = torch.zeros(allowed.shape, device=allowed.device)
        costs[..., outside] = head.omission_cost * ~allowed[..., outside]
        believed = believed.raised(costs)
    is_open = (head.constraints.single(tags) == NO_TARGET) & steps.mask
    # the score of one path costs less than a sum over several, and most records are fully annotated
    log_probs = believed.log_prob_among(allowed) if is_open.any() else believed.log_prob(tags.clamp(min=0))
    # per step; the clamp keeps a batch of empty records from dividing by 0
    return -log_probs.sum() / steps.lengths.sum().clamp(min=1)
