"""Token heads: one label a step; by softmax, each on its own, where the scheme does not forbid it."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.fields import TagTargets, TaughtTagField, TaughtTags
from seqlab.errors import ConfigError
from seqlab.functional import linear_chain
from seqlab.functional.linear_chain import Chain, Stretches
from seqlab.heads.parts.distillation import teaching_loss
from seqlab.heads.parts.temperature import Temperature
from seqlab.heads.tag import TagHead
from seqlab.steps import Steps
from seqlab.types import Alternative, Prediction


class TokenHead(TagHead):
    """A score for every tag at every step, and what its subclasses make of them."""

    why_unranked: str | None = None
    why_no_entropy: str | None = None

    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss a step; while training with a teacher's probabilities, as `TaughtTagField` weighs it."""
        scores, targets = self._scores(steps), batch.tensors(self.target)
        loss = self._loss(scores, self._tags(batch), steps)
        if not self.training or not isinstance(targets, TaughtTags):
            return loss
        assert isinstance(self.target, TaughtTagField)
        weight, temperature = self.target.weight, self.target.temperature
        taught = teaching_loss(self._log_probabilities(scores, steps), targets.probs, temperature=temperature)
        return weight * taught + (1 - weight) * loss

    def _tags(self, batch: Batch) -> Int[Tensor, "batch time"]:
        targets = batch.tensors(self.target)
        return targets.tags if isinstance(targets, TaughtTags) else batch.tensor(self.target)

    def predict(self, steps: Steps, batch: Batch, *, use_confidences: bool) -> list[Prediction]:
        """Return one tag a step; its confidence is its probability given the record."""
        scores = self._scores(steps)
        tags = self._decode(scores, steps)
        confidences = self._probabilities(scores, steps).gather(2, tags.unsqueeze(2))[..., 0] if use_confidences else None
        found = _predictions(tags, confidences, lengths=steps.lengths, names=self.target.tags)
        chain = self._distribution(scores, steps) if use_confidences else None
        return found if chain is None else self._with_spans(found, chain, tags)

    def probabilities(self, steps: Steps) -> Float[Tensor, "batch time tag"]:
        """Return the probability of each tag at each step, given the record; padding steps are undefined."""
        return self._probabilities(self._scores(steps), steps)

    @cached_property
    def _goes_on(self) -> Bool[Tensor, "prev_tag tag"]:
        """Which neighbouring tags belong to one span."""
        assert self.target.span_scheme is not None
        return torch.from_numpy(self.target.span_scheme.goes_on(self.target.tags))

    def best(self, steps: Steps, batch: Batch, *, n: int) -> list[list[Alternative]] | None:
        """Return the `n` likeliest sequences of tags; None where steps are independent of each other."""
        chain = self._distribution(self._scores(steps), steps)
        if chain is None:
            return None
        paths, scores = linear_chain.best_paths(chain, n)
        return self._ranked(paths, scores - linear_chain.log_partition(chain).unsqueeze(1), steps)

    def entropy(self, steps: Steps, batch: Batch) -> Float[Tensor, " batch"]:
        """Return the entropy of the distribution over sequences of tags."""
        scores = self._scores(steps)
        chain = self._distribution(scores, steps)
        if chain is not None:
            return linear_chain.entropy(chain)
        of_steps: Tensor = torch.special.entr(self._probabilities(scores, steps)).sum(2)
        return of_steps.masked_fill(~steps.mask, 0.0).sum(1)

    def _ranked(
        self, paths: Int[Tensor, "batch path time"], logs: Float[Tensor, "batch path"], steps: Steps
    ) -> list[list[Alternative]]:
        names = self.target.tags
        records = zip(paths.tolist(), logs.tolist(), steps.lengths.tolist(), strict=True)
        return [
            [
                Alternative([names[i] for i in path[:length]], math.exp(log_prob))
                for path, log_prob in zip(row, of_row, strict=True)
                if log_prob > -math.inf
            ]
            for row, of_row, length in records
        ]

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

    def _log_probabilities(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> Float[Tensor, "batch time tag"]:
        """Return the logs of the probabilities, with a gradient.

        Raises: ConfigError for a head that has none to learn from.
        """
        raise ConfigError(f"heads.tags: {type(self).__name__} cannot learn a teacher's probabilities; use crf or softmax")


class LinearTokenHead(TokenHead):
    """A token head whose scores are a linear map of the encoded steps."""

    def __init__(self, *, target: TagTargets, input_width: int, summary_width: int) -> None:
        super().__init__(target=target)
        self.projection = nn.Linear(input_width, len(target.tags))
        self.temperature = Temperature()

    def _scores(self, steps: Steps) -> Float[Tensor, "batch time tag"]:
        scores: Tensor = self.temperature(self.projection(steps.zero_padded().values))
        return scores


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
