"""Token heads: one tag per token."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from operator import eq
from types import MappingProxyType
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from seqlab.data.batch import Batch, EncodedRecords
from seqlab.data.columns import Columns
from seqlab.data.fields import TagTargets, TaughtTagField, TaughtTags
from seqlab.data.schemes import Scheme
from seqlab.data.schemes.partial import open_tags
from seqlab.errors import ConfigError, DataError
from seqlab.heads.base import Head
from seqlab.heads.distributions import TagDistribution
from seqlab.heads.parts.answers import Answer, Answered, LabelAnswer, SpanAnswer
from seqlab.heads.parts.counts import Counted, tag_counts
from seqlab.heads.parts.data_tags import DataTags
from seqlab.heads.parts.distillation import teaching_loss
from seqlab.heads.parts.layer import Layer
from seqlab.heads.parts.span_views import TagSpans
from seqlab.heads.parts.tag_reader import TagReader
from seqlab.metrics import calibration_scores, span_scores, tag_accuracy
from seqlab.steps import Steps
from seqlab.types import Prediction, Span

OUTSIDE = "O"
"""The tag of a step outside all spans, in every scheme."""
CANNOT_BE_TAUGHT = "cannot learn a teacher's probabilities; use crf or softmax"


class TokenHead(Head):
    """One tag per token, or per node of a tree.

    Subclasses define `distribution` and either `_loss`, the loss of tags under that distribution, or `loss` itself.

    Args:
        target: Field of the tags.
    """

    kind = "token"
    own_score = "per_tag"
    lacks = MappingProxyType({})
    target: TagTargets
    data_tags: DataTags | None = None
    """Conversion of the tags to the scheme of the data; None: the target has that scheme."""

    def __init__(self, *, target: TagTargets) -> None:
        super().__init__()
        self.target = target

    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss per step; while training with a teacher's probabilities, weighted as `TaughtTagField` says.

        Raises:
            ConfigError: the records have a teacher's probabilities, which the head cannot learn.
        """
        believed, targets = self.distribution(steps, batch), batch.tensors(self.target)
        loss = self._loss(believed, self._tags(batch), steps)
        if not self.training or not isinstance(targets, TaughtTags):
            return loss
        if "log_marginals" in self.lacks:
            raise ConfigError(f"{self.path}: {self.lacks['log_marginals']}")
        # only this field encodes probabilities
        assert isinstance(self.target, TaughtTagField)
        assert isinstance(believed, TagDistribution)
        taught = teaching_loss(believed.log_marginals, targets.probs, temperature=self.target.temperature)
        return self.target.weight * taught + (1 - self.target.weight) * loss

    def _loss(self, believed: Any, tags: Int[Tensor, "batch time"], steps: Steps) -> Float[Tensor, ""]:
        """Return the loss per step of `tags` under the distribution `believed`."""
        raise NotImplementedError(f"{type(self).__name__} defines neither loss nor _loss; a token head needs one of them")

    def _tags(self, batch: Batch) -> Int[Tensor, "batch time"]:
        targets = batch.tensors(self.target)
        return targets.tags if isinstance(targets, TaughtTags) else batch.tensor(self.target)

    @cached_property
    def reader(self) -> TagReader:
        """Decodes ids into tags and their spans."""
        return TagReader(self.target.tags, self.target.span_scheme)

    @property
    def spans(self) -> TagSpans | None:
        """The spans that its tags encode; None without a scheme."""
        scheme = self.target.span_scheme
        return None if scheme is None else TagSpans(self.target, scheme)

    @property
    def is_of_record_steps(self) -> bool:
        """As its target says."""
        return self.target.is_of_record_steps

    def layer(self, *, has_steps: bool) -> Layer:
        """Return one tag per step, or per node."""
        if self.spans is None:
            return Layer(is_per_step=has_steps, scheme=None, labels=self.target.tags, is_of_nodes=not has_steps)
        scheme = self._written_scheme or self.spans.scheme
        return Layer(is_per_step=has_steps, scheme=scheme.name, labels=self.spans.labels)

    @property
    def _written_scheme(self) -> Scheme | None:
        return self.target.span_scheme if self.data_tags is None else self.data_tags.scheme

    @property
    def main_metric(self) -> str:
        """Strict span F1 with a span scheme, else accuracy."""
        return "span_f1/strict" if self.target.span_scheme else "accuracy"

    def check_records(self, records: EncodedRecords, *, split: str, is_taught: bool) -> None:
        """Refuse records to be scored by spans if none of them is fully annotated.

        Raises:
            DataError: every record is partially annotated.
        """
        if self.target.span_scheme and not is_taught:
            gold = self.gold(records.columns)
            self._fully_annotated(gold, open_tags(gold, self.target.readings), split=split)

    def _fully_annotated(self, gold: Sequence[Sequence[str]], left_open: set[str], *, split: str) -> list[int]:
        """Return the rows without a tag that is `left_open`; with a span scheme there must be one."""
        rows = [row for row, tags in enumerate(gold) if left_open.isdisjoint(tags)]
        if left_open and not rows and self.target.span_scheme:
            raise DataError(
                f"column {self.target.column!r}: no record of {split} is fully annotated, so spans cannot be scored; "
                "give a split that is (data.splits.val, data.splits.test)"
            )
        return rows

    def gold(self, columns: Columns) -> list[list[str]]:
        """Return the tags of each record."""
        return self.target.gold(columns)

    def score(self, gold: Sequence[Sequence[str]], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return tag accuracy and, with a span scheme, precision, recall and F1 of spans.

        Of partially annotated records, only the accuracy counts the annotated steps; the other scores skip the records.
        """
        gold, predictions = self.written_gold(gold), self.written(predictions)
        predicted = [prediction.labels for prediction in predictions]
        rows = self._fully_annotated(gold, open_tags(gold, self.target.readings), split="the split")
        # without partial annotation the columns are compared as they are, which is faster
        accuracy = tag_accuracy(*(self._annotated(gold, predicted) if len(rows) < len(gold) else (gold, predicted)))
        gold, predicted = [gold[row] for row in rows], [predicted[row] for row in rows]
        scheme = self._written_scheme
        spans = span_scores(gold, predicted, scheme=scheme.name) if scheme else {}
        return {**spans, **accuracy, **self._calibration(gold, [predictions[row] for row in rows])}

    def use_data(self, data: Mapping[str, Any], *, name: str) -> None:
        """Write and score tags in the scheme of the data, if the data config converts them for training."""
        self.data_tags = DataTags.of(data, head=name, column=self.target.column, own=self.target.span_scheme)

    def written(self, predictions: Sequence[Prediction]) -> Sequence[Prediction]:
        """Return the predictions with tags in the scheme of the data."""
        return predictions if self.data_tags is None else [self.data_tags.prediction(one) for one in predictions]

    def written_gold(self, gold: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
        """Return the tags of the same spans in the scheme of the data."""
        return gold if self.data_tags is None else list(map(self.data_tags.tags, gold))

    def _annotated(self, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> tuple[Any, Any]:
        """Return gold and predicted tags of the annotated steps; a prediction that the annotation allows is correct."""
        rows = [
            [(tag, guess) for tag, guess in zip(self._allowed(tags, guesses), guesses, strict=True) if tag is not None]
            for tags, guesses in zip(gold, predicted, strict=True)
        ]
        return [[tag for tag, _ in row] for row in rows], [[guess for _, guess in row] for row in rows]

    def _allowed(self, gold: Sequence[str], predicted: Sequence[str]) -> list[str | None]:
        """Return the predicted tag wherever `gold` allows it, else the first that it allows; None without annotation."""
        pairs = [(self.target.readings(tag), guess) for tag, guess in zip(gold, predicted, strict=True)]
        return [guess if guess in allowed else next(iter(allowed), None) for allowed, guess in pairs]

    def _calibration(self, gold: Sequence[Sequence[str]], predictions: Sequence[Prediction]) -> dict[str, float]:
        """Return the calibration of spans, or of tags without a scheme; nothing without confidences."""
        scheme = self._written_scheme
        judged: list[tuple[float, bool]] = []
        for tags, one in zip(gold, predictions, strict=True):
            if one.confidences and scheme is None:
                judged += zip(one.confidences, map(eq, tags, one.labels), strict=True)
            elif one.confidences and scheme is not None and (found := scheme.spans(one.labels)):
                right = set(scheme.spans(tags))
                judged += zip(one.confidences_of(found), (span in right for span in found), strict=True)
        return calibration_scores([p for p, _ in judged], [is_correct for _, is_correct in judged]) if judged else {}

    @classmethod
    def counted(cls, target: TagTargets | None) -> list[Counted]:
        """Return the counts of spans, with a scheme, and of tags."""
        return [] if target is None else tag_counts(target)

    def shown(self, records: Sequence[Answered]) -> Sequence[Answer]:
        """Return the spans of each fully annotated record; without a scheme, a label for each step."""
        scheme = self.target.span_scheme
        if scheme is None:
            return [self._shown_tags(record) for record in records]
        left_open = open_tags([record.gold for record in records], self.target.readings)
        return [_shown_spans(record, scheme.spans) for record in records if left_open.isdisjoint(record.gold)]

    def _shown_tags(self, record: Answered) -> LabelAnswer:
        labels, confidences = record.prediction.labels, record.prediction.confidences
        places = record.prediction.bounds or [(i, i + 1) for i in range(len(labels))]
        return LabelAnswer(record.id, record.words(places), places, self._allowed(record.gold, labels), labels, confidences)


def _shown_spans(record: Answered, read: Callable[[Sequence[str]], list[Span]]) -> SpanAnswer:
    prediction, words = record.prediction, record.words([(0, len(record.gold))])
    found = read(prediction.labels)
    confidences = prediction.confidences_of(found) if prediction.confidences else []
    return SpanAnswer(record.id, words, read(record.gold), found, confidences, prediction.confidences)
