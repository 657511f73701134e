"""Token heads: one label a step, by softmax, by constrained decoding, or by a linear-chain CRF."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import Any, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seqlab.data.columns import Columns
from seqlab.data.encoding import Batch
from seqlab.data.fields import NO_TARGET, TagTargets
from seqlab.heads.base import Head
from seqlab.lattices import linear_chain
from seqlab.lattices.linear_chain import Chain, Stretches
from seqlab.metrics import span_scores, tag_accuracy
from seqlab.steps import Steps
from seqlab.types import Prediction

OUTSIDE = "O"
"""The tag of a step outside all spans, in every scheme."""


class TagHead(Head):
    """One tag a step, however it is found."""

    target: TagTargets

    def __init__(self, *, target: TagTargets) -> None:
        super().__init__()
        self.target = target

    @property
    def main_metric(self) -> str:
        """Strict span F1 with a span scheme, else accuracy."""
        return "span_f1/strict" if self.target.span_scheme else "accuracy"

    def gold(self, columns: Columns) -> list[list[str]]:
        """Return each record's tags."""
        return columns.lists(self.target.column)

    def score(self, gold: Sequence[Sequence[str]], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return tag accuracy and, with a span scheme, precision, recall and F1 of spans."""
        predicted = [prediction.labels for prediction in predictions]
        scheme = self.target.span_scheme
        spans = span_scores(gold, predicted, scheme=scheme.name) if scheme else {}
        return {**spans, **tag_accuracy(gold, predicted)}


class TokenHead(TagHead):
    """A score for every tag at every step, and what its subclasses make of them."""

    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss a step."""
        tags: Int[Tensor, "batch time"] = batch.tensor(self.target)
        return self._loss(self._scores(steps), tags, steps)

    def predict(self, steps: Steps, batch: Batch, *, use_confidences: bool) -> list[Prediction]:
        """Return one tag a step; its confidence is its probability given the record."""
        scores = self._scores(steps)
        tags = self._decode(scores, steps)
        confidences = self._probabilities(scores, steps).gather(2, tags.unsqueeze(2))[..., 0] if use_confidences else None
        found = _predictions(tags, confidences, lengths=steps.lengths, names=self.target.tags)
        chain = self._distribution(scores, steps)
        return found if chain is None or not use_confidences else self._with_spans(found, chain, tags)

    @cached_property
    def _goes_on(self) -> Bool[Tensor, "prev_tag tag"]:
        """Which neighbouring tags belong to one span."""
        assert self.target.span_scheme is not None
        return torch.from_numpy(self.target.span_scheme.goes_on(self.target.tags))

    def _distribution(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Chain | None:
        """Return the chain whose paths the tags are drawn from; None where steps are independent of each other."""
        return None

    def _with_spans(self, predictions: Sequence[Prediction], chain: Chain, tags: Int[Tensor, "batch time"]) -> list[Prediction]:
        """Return the predictions with the probability of each span."""
        scheme = self.target.span_scheme
        if scheme is None:
            return list(predictions)
        spans = [scheme.spans(prediction.labels) for prediction in predictions]
        places = [(record, span.start, span.end) for record, row in enumerate(spans) for span in row]
        records, starts, ends = torch.tensor(places, dtype=torch.long, device=tags.device).view(-1, 3).T
        stretches = Stretches(records, starts, ends)
        probs = iter(linear_chain.span_probabilities(chain, tags, stretches, goes_on=self._goes_on.to(tags.device)).tolist())
        return [
            replace(prediction, span_confidences=list(islice(probs, len(row))))
            for prediction, row in zip(predictions, spans, strict=True)
        ]

    @abstractmethod
    def _scores(self, steps: Steps) -> Float[Tensor, "batch time tag"]: ...

    @abstractmethod
    def _loss(
        self, scores: Float[Tensor, "batch time tag"], tags: Int[Tensor, "batch time"], steps: Steps
    ) -> Float[Tensor, ""]: ...

    @abstractmethod
    def _decode(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Int[Tensor, "batch time"]: ...

    @abstractmethod
    def _probabilities(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Float[Tensor, "batch time tag"]: ...


class LinearTokenHead(TokenHead):
    """A token head whose scores are a linear map of the encoded steps."""

    def __init__(self, *, target: TagTargets, input_width: int, summary_width: int) -> None:
        super().__init__(target=target)
        self.projection = nn.Linear(input_width, len(target.tags))

    def _scores(self, steps: Steps) -> Float[Tensor, "batch time tag"]:
        scores: Tensor = self.projection(steps.zero_padded().values)
        return scores


@final
class SoftmaxTokenHead(LinearTokenHead):
    """Each step on its own; with a span scheme, the best sequence of tags that the scheme allows."""

    def __init__(self, *, target: TagTargets, input_width: int, summary_width: int, is_constrained: bool) -> None:
        super().__init__(target=target, input_width=input_width, summary_width=summary_width)
        self.constraints = SchemeConstraints(target) if is_constrained and target.span_scheme else None

    def _loss(
        self, scores: Float[Tensor, "batch time tag"], tags: Int[Tensor, "batch time"], steps: Steps
    ) -> Float[Tensor, ""]:
        losses = nn.functional.cross_entropy(scores.flatten(0, 1), tags.flatten(), ignore_index=NO_TARGET, reduction="sum")
        return losses / (tags != NO_TARGET).sum().clamp(min=1)

    def _decode(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Int[Tensor, "batch time"]:
        if self.constraints is None:
            return scores.argmax(2)
        chain = self.constraints.chain(scores.float().log_softmax(2), steps.lengths)
        return linear_chain.viterbi(chain)[0]

    def _probabilities(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Float[Tensor, "batch time tag"]:
        return scores.float().softmax(2)


@final
class CrfTokenHead(LinearTokenHead):
    """Linear-chain CRF (Lafferty et al. 2001): scores of tags and of their transitions, normalised over whole sequences.

    Transitions that the span scheme forbids have probability 0, in training as in decoding.

    `omission_cost` (nats, 0 = plain likelihood) handicaps the gold path by that much at each step of a span wherever a
    rival path says `O` there, so that training pushes such rivals further down and recall rises: the softmax-margin of
    Gimpel and Smith (2010), with the recall-oriented cost of Mohit et al. (2012).
    """

    def __init__(self, *, target: TagTargets, input_width: int, summary_width: int, omission_cost: float) -> None:
        super().__init__(target=target, input_width=input_width, summary_width=summary_width)
        n_tags = len(target.tags)
        self.omission_cost = omission_cost
        self.transitions = nn.Parameter(torch.empty(n_tags, n_tags).uniform_(-0.1, 0.1))
        self.start = nn.Parameter(torch.empty(n_tags).uniform_(-0.1, 0.1))
        self.end = nn.Parameter(torch.empty(n_tags).uniform_(-0.1, 0.1))
        self.constraints = SchemeConstraints(target)

    def _chain(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Chain:
        return self.constraints.chain(scores, steps.lengths, transitions=self.transitions, start=self.start, end=self.end)

    def _distribution(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Chain:
        return self._chain(scores, steps)

    def _loss(
        self, scores: Float[Tensor, "batch time tag"], tags: Int[Tensor, "batch time"], steps: Steps
    ) -> Float[Tensor, ""]:
        if self.training and self.omission_cost and OUTSIDE in self.target.tags:
            outside = self.target.tags.index(OUTSIDE)
            is_inside = (tags != outside) & (tags != NO_TARGET)
            cost = torch.zeros_like(scores)
            cost[..., outside] = self.omission_cost * is_inside
            scores = scores + cost
        chain = self._chain(scores, steps)
        is_unknown = (tags == NO_TARGET) & steps.mask
        if is_unknown.any():
            losses = linear_chain.partial_negative_log_likelihood(chain, allowed_tags(tags, n_tags=scores.shape[2]))
        else:
            losses = linear_chain.negative_log_likelihood(chain, tags.clamp(min=0))
        return losses.sum() / steps.lengths.sum().clamp(min=1)

    def _decode(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Int[Tensor, "batch time"]:
        return linear_chain.viterbi(self._chain(scores, steps))[0]

    def _probabilities(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Float[Tensor, "batch time tag"]:
        return linear_chain.marginals(self._chain(scores, steps))


class SchemeConstraints(nn.Module):
    """Which tags may begin, follow and end, as 0 and -inf to add to scores; without a scheme everything may."""

    start: Tensor
    step: Tensor
    end: Tensor

    def __init__(self, target: TagTargets) -> None:
        super().__init__()
        n_tags = len(target.tags)
        scheme = target.span_scheme
        allowed = scheme.transitions(target.tags) if scheme else None
        for name, shape in (("start", (n_tags,)), ("step", (n_tags, n_tags)), ("end", (n_tags,))):
            is_allowed = torch.from_numpy(getattr(allowed, name)) if allowed else torch.ones(shape, dtype=torch.bool)
            scores = torch.zeros(shape).masked_fill(~is_allowed, -torch.inf)
            self.register_buffer(name, scores, persistent=False)

    def chain(
        self,
        emissions: Float[Tensor, "batch time tag"],
        lengths: Int[Tensor, " batch"],
        *,
        transitions: Float[Tensor, "prev_tag tag"] | float = 0.0,
        start: Float[Tensor, " tag"] | float = 0.0,
        end: Float[Tensor, " tag"] | float = 0.0,
    ) -> Chain:
        """Return the chain of these scores with the forbidden ones at -inf."""
        return Chain(
            emissions=emissions,
            lengths=lengths,
            transitions=self.step + transitions,
            start=self.start + start,
            end=self.end + end,
        )


def allowed_tags(tags: Int[Tensor, "batch time"], *, n_tags: int) -> Bool[Tensor, "batch time tag"]:
    """Return the tag itself where there is one, and every tag where there is none."""
    return nn.functional.one_hot(tags.clamp(min=0), n_tags).bool() | (tags == NO_TARGET).unsqueeze(2)


def _predictions(
    tags: Int[Tensor, "batch time"],
    confidences: Float[Tensor, "batch time"] | None,
    *,
    lengths: Int[Tensor, " batch"],
    names: Sequence[str],
) -> list[Prediction]:
    sizes = lengths.tolist()
    labels = [[names[i] for i in row[:size]] for row, size in zip(tags.tolist(), sizes, strict=True)]
    if confidences is None:
        return [Prediction(row, []) for row in labels]
    probs = [row[:size] for row, size in zip(confidences.tolist(), sizes, strict=True)]
    return [Prediction(row, prob) for row, prob in zip(labels, probs, strict=True)]
