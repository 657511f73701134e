"""Token heads: one tag a step."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.data.batch import Batch, EncodedRecords
from seqlab.data.columns import Columns
from seqlab.data.fields import TagTargets, TaughtTagField, TaughtTags
from seqlab.data.schemes.partial import open_tags
from seqlab.errors import ConfigError, DataError
from seqlab.heads.base import Head
from seqlab.heads.distributions import TagDistribution
from seqlab.heads.parts.answers import Answer, Answered, LabelAnswer, SpanAnswer
from seqlab.heads.parts.counts import Counted, tag_counts
from seqlab.heads.parts.distillation import teaching_loss
from seqlab.heads.parts.layer import Layer
from seqlab.heads.parts.span_views import TagSpans
from seqlab.heads.parts.tag_reader import TagReader
from seqlab.heads.parts.temperature import Temperature
from seqlab.metrics import calibration_scores, span_scores, tag_accuracy
from seqlab.steps import Steps
from seqlab.types import Prediction

OUTSIDE = "O"
"""The tag of a step outside all spans, in every scheme."""
CANNOT_BE_TAUGHT = "cannot learn a teacher's probabilities; use crf or softmax"


class TokenHead(Head):
    """One tag a step, however it is found."""

    kind = "token"
    own_score = "per_tag"
    lacks = MappingProxyType({})
    target: TagTargets

    def __init__(self, *, target: TagTargets) -> None:
        super().__init__()
        self.target = target

    @cached_property
    def reader(self) -> TagReader:
        """Reads tags and their spans from ids."""
        return TagReader(self.target.tags, self.target.span_scheme)

    @property
    def is_of_record_steps(self) -> bool:
        """As its target says."""
        return self.target.is_of_record_steps

    def layer(self, *, has_steps: bool) -> Layer:
        """Return one tag a step, or a node."""
        if self.spans is None:
            return Layer(is_per_step=has_steps, scheme=None, labels=self.target.tags, is_of_nodes=not has_steps)
        return Layer(is_per_step=has_steps, scheme=self.spans.scheme.name, labels=self.spans.labels)

    def check_records(self, records: EncodedRecords, *, split: str, is_taught: bool) -> None:
        """Refuse records to be scored by spans where none of them is annotated in full.

        Raises: DataError.
        """
        if is_taught or self.target.span_scheme is None:
            return
        strings = records.columns.strings(self.target.column)
        is_open = np.asarray([self.target.readings(tag) != [tag] for tag in strings.distinct], dtype=bool)
        if not is_open.any():
            return
        n_open = np.cumsum([0, *is_open[strings.codes.values]])
        if (np.diff(n_open[strings.codes.offsets]) > 0).all():
            raise self._no_full_record(split)

    def _no_full_record(self, split: str) -> DataError:
        return DataError(
            f"column {self.target.column!r}: no record of {split} is annotated in full, so spans cannot be scored; "
            "give a split that is (data.splits.val, data.splits.test)"
        )

    @property
    def main_metric(self) -> str:
        """Strict span F1 with a span scheme, else accuracy."""
        return "span_f1/strict" if self.target.span_scheme else "accuracy"

    def gold(self, columns: Columns) -> list[list[str]]:
        """Return each record's tags."""
        return self.target.gold(columns)

    def score(self, gold: Sequence[Sequence[str]], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return tag accuracy and, with a span scheme, precision, recall and F1 of spans.

        Where records are annotated in part, accuracy is over annotated steps, and the rest over fully annotated records.
        """
        of_steps = gold, [prediction.labels for prediction in predictions]
        left_open = open_tags(gold, self.target.readings)
        if left_open:
            of_steps = self._annotated(*of_steps)
            full = [i for i, tags in enumerate(gold) if left_open.isdisjoint(tags)]
            if self.target.span_scheme and not full:
                raise self._no_full_record("the split")
            gold, predictions = [gold[i] for i in full], [predictions[i] for i in full]
        predicted = [prediction.labels for prediction in predictions]
        scheme = self.target.span_scheme
        spans = span_scores(gold, predicted, scheme=scheme.name) if scheme else {}
        return {**spans, **tag_accuracy(*of_steps), **self._calibration(gold, predictions)}

    def _annotated(self, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> tuple[Any, Any]:
        """Return gold and predicted tags of the annotated steps; a prediction that may be right counts as right."""
        kept: tuple[list[list[str]], list[list[str]]] = ([], [])
        for tags, guesses in zip(gold, predicted, strict=True):
            pairs = [(found, guess) for tag, guess in zip(tags, guesses, strict=True) if (found := self.target.readings(tag))]
            kept[0].append([guess if guess in found else found[0] for found, guess in pairs])
            kept[1].append([guess for _, guess in pairs])
        return kept

    def _calibration(self, gold: Sequence[Sequence[str]], predictions: Sequence[Prediction]) -> dict[str, float]:
        """Return the calibration of spans, or of tags without a scheme; nothing without confidences."""
        confidences: list[float] = []
        is_right: list[bool] = []
        for tags, prediction in zip(gold, predictions, strict=True):
            if not prediction.confidences:
                continue
            if self.target.span_scheme is None:
                confidences += prediction.confidences
                is_right += [tag == guess for tag, guess in zip(tags, prediction.labels, strict=True)]
                continue
            spans = self.target.span_scheme.spans(prediction.labels)
            right = set(self.target.span_scheme.spans(tags)) if spans else set()
            confidences += prediction.sureness(spans)
            is_right += [span in right for span in spans]
        return calibration_scores(confidences, is_right) if confidences else {}

    @property
    def spans(self) -> TagSpans | None:
        """The spans that its tags encode; None without a scheme."""
        scheme = self.target.span_scheme
        return None if scheme is None else TagSpans(self.target, scheme)

    @classmethod
    def counted(cls, target: TagTargets | None) -> list[Counted]:
        """Return the counts of spans, with a scheme, and of tags."""
        return [] if target is None else tag_counts(target)

    def shown(self, records: Sequence[Answered]) -> Sequence[Answer]:
        """Return spans where there is a scheme, else a label for each step."""
        left_open = open_tags([record.gold for record in records], self.target.readings)
        if self.target.span_scheme is None:
            return [self._shown_tags(record, left_open) for record in records]
        read = self.target.span_scheme.spans
        return [_shown_spans(record, read) for record in records if left_open.isdisjoint(record.gold)]

    def _shown_tags(self, record: Answered, left_open: set[str]) -> LabelAnswer:
        labels, confidences = record.prediction.labels, record.prediction.confidences
        gold: list[str | None] = []
        for tag, guess in zip(record.gold, labels, strict=True):
            readings = self.target.readings(tag) if tag in left_open else [tag]
            gold.append(guess if guess in readings else next(iter(readings), None))
        places = record.prediction.bounds or [(i, i + 1) for i in range(len(labels))]
        return LabelAnswer(record.id, record.words(places), places, gold, labels, confidences)


def _shown_spans(record: Answered, read: Callable[[Sequence[str]], Any]) -> SpanAnswer:
    prediction = record.prediction
    found = read(prediction.labels)
    confidences = prediction.sureness(found) if prediction.confidences else []
    words = record.words([(0, len(record.gold))])
    return SpanAnswer(record.id, words, read(record.gold), found, confidences, prediction.confidences)


class LinearTokenHead(TokenHead):
    """A token head whose scores are a linear map of the encoded steps, divided by a temperature."""

    def __init__(self, *, target: TagTargets, input_width: int, summary_width: int) -> None:
        super().__init__(target=target)
        self.projection = nn.Linear(input_width, len(target.tags))
        self.temperature = Temperature()

    def distribution(self, steps: Steps, batch: Batch) -> TagDistribution:
        """Return the distribution over sequences of tags."""
        return self._distribution(self._scores(steps), steps)

    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss a step; while training with a teacher's probabilities, weighted as `TaughtTagField` says.

        Raises: ConfigError for a teacher's probabilities, where the head cannot learn them.
        """
        scores, targets = self._scores(steps), batch.tensors(self.target)
        loss = self._loss(scores, self._tags(batch), steps)
        if not self.training or not isinstance(targets, TaughtTags):
            return loss
        assert isinstance(self.target, TaughtTagField)
        if "log_marginals" in self.lacks:
            raise ConfigError(f"{self.path}: {self.lacks['log_marginals']}")
        weight, temperature = self.target.weight, self.target.temperature
        log_probs = self._distribution(scores, steps).log_marginals
        return weight * teaching_loss(log_probs, targets.probs, temperature=temperature) + (1 - weight) * loss

    def _tags(self, batch: Batch) -> Int[Tensor, "batch time"]:
        targets = batch.tensors(self.target)
        return targets.tags if isinstance(targets, TaughtTags) else batch.tensor(self.target)

    def _scores(self, steps: Steps) -> Float[Tensor, "batch time tag"]:
        scores: Tensor = self.temperature(self.projection(steps.zero_padded().values))
        return scores

    @abstractmethod
    def _loss(
        self, scores: Float[Tensor, "batch time tag"], tags: Int[Tensor, "batch time"], steps: Steps
    ) -> Float[Tensor, ""]: ...

    @abstractmethod
    def _distribution(self, scores: Float[Tensor, "batch time tag"], steps: Steps) -> TagDistribution: ...
