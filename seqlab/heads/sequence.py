"""Sequence heads: one label per record, or any number of labels."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, final

from jaxtyping import Float
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.columns import Columns
from seqlab.data.fields import NO_TARGET, LabelField, MultiLabelField
from seqlab.functional.dropout import NaiveDropout
from seqlab.functional.widths import Linear
from seqlab.heads.base import Head
from seqlab.heads.distributions import Choice, LabelSet
from seqlab.heads.parts.answers import Answer, Answered, SetAnswer, label_answer
from seqlab.heads.parts.counts import ACCURACY, LABEL_F1, Counted, label_counts, label_set_counts, whole_set_counts
from seqlab.heads.parts.cross_entropy import NO_WEIGHTS, CrossEntropy, mean
from seqlab.heads.parts.options import check_option
from seqlab.heads.parts.pooling import get_pooling
from seqlab.heads.parts.temperature import Temperature
from seqlab.metrics import calibration_scores, classification_scores, multilabel_scores
from seqlab.steps import Steps
from seqlab.types import Prediction


class _Classifier(nn.Module):
    """Pools a sequence and scores every label."""

    def __init__(self, input_width: int, summary_width: int, n_labels: int, *, pooling: str, drop_prob: float) -> None:
        super().__init__()
        self.pooling = get_pooling(pooling, input_width=input_width, summary_width=summary_width)
        self.dropout = NaiveDropout(drop_prob=drop_prob)
        self.projection = Linear(self.pooling.output_width, n_labels)

    def forward(self, steps: Steps) -> Float[Tensor, "batch label"]:
        logits: Tensor = self.projection(self.dropout(self.pooling(steps)))
        return logits


class LabelHead(Head):
    """One label per record or pair.

    Args:
        target: Field of the labels.
        scores: Module that returns the logits of all labels for `Steps`.
        class_weights: Label -> weight of its records in the training loss, at least 0; 1 for labels that it lacks.
        label_smoothing: Share of each training target, from 0 to below 1, that is spread evenly over all labels.
        focal_gamma: Exponent of the focal loss in training, at least 0; 0 is the plain cross-entropy.
    """

    item_axes = MappingProxyType({"scores.projection.weight": "l-", "scores.projection.bias": "l"})
    own_score = "majority_accuracy"
    main_metric = "accuracy"
    lacks = MappingProxyType({})
    target: LabelField

    def __init__(
        self,
        target: LabelField,
        scores: nn.Module,
        *,
        class_weights: Mapping[str, float] = NO_WEIGHTS,
        label_smoothing: float = 0.0,
        focal_gamma: float = 0.0,
    ) -> None:
        super().__init__()
        self.scores, self.target = scores, target
        self.cross_entropy = CrossEntropy(
            target.labels, class_weights=class_weights, label_smoothing=label_smoothing, focal_gamma=focal_gamma
        )
        self.temperature = Temperature()

    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean cross-entropy of the records with a known label."""
        return mean(*self.cross_entropy(self.distribution(steps, batch).logits, batch.tensor(self.target)))

    def n_targets(self, steps: Steps, batch: Batch) -> int:
        """Return the number of records with a known label."""
        return int((batch.tensor(self.target) != NO_TARGET).sum())

    def distribution(self, steps: Steps, batch: Batch) -> Choice:
        """Return the distribution over labels."""
        # in float32 also under autocast: confidences near 1 need the precision
        return Choice(self.temperature(self.scores(steps).float()), self.target.labels)

    def gold(self, columns: Columns) -> list[str]:
        """Return the label of each record."""
        strings = columns.strings(self.target.column)
        return [strings.distinct[code] for code in strings.codes.values]

    def score(self, gold: Sequence[str], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return accuracy, macro F1, and the accuracy of always predicting the most frequent label."""
        scores = classification_scores(gold, [prediction.labels[0] for prediction in predictions])
        is_right = [prediction.labels[0] == label for label, prediction in zip(gold, predictions, strict=True)]
        return scores | calibration_scores([prediction.confidences[0] for prediction in predictions], is_right)

    @classmethod
    def counted(cls, target: Any) -> list[Counted]:
        """Return the counts of correct labels."""
        return [Counted(ACCURACY, label_counts)]

    def shown(self, records: Sequence[Answered]) -> Sequence[Answer]:
        """Return a label for each record as a whole."""
        return [label_answer(record) for record in records]


@final
class SequenceHead(LabelHead):
    """One label per record, from its steps pooled into one vector.

    The loss is `CrossEntropy` over records.

    Args:
        target: Field of the labels.
        input_width: Features per step.
        summary_width: Features of the encoder's summary.
        pooling: How steps become one vector: `last` (the encoder's summary), `mean`, `max`, `ends` or `attention`.
        drop_prob: Dropout of that vector, from 0 to below 1.
        class_weights: Label -> weight of its records in the training loss, at least 0; 1 for labels that it lacks.
        label_smoothing: Share of each training target, from 0 to below 1, that is spread evenly over all labels.
        focal_gamma: Exponent of the focal loss in training, at least 0; 0 is the plain cross-entropy.
    """

    def __init__(
        self,
        *,
        target: LabelField,
        input_width: int,
        summary_width: int,
        pooling: str = "attention",
        drop_prob: float = 0.3,
        class_weights: Mapping[str, float] = NO_WEIGHTS,
        label_smoothing: float = 0.0,
        focal_gamma: float = 0.0,
    ) -> None:
        scores = _Classifier(input_width, summary_width, len(target.labels), pooling=pooling, drop_prob=drop_prob)
        super().__init__(target, scores, class_weights=class_weights, label_smoothing=label_smoothing, focal_gamma=focal_gamma)


@final
class MultiLabelHead(Head):
    """Any number of labels per record: those whose probability reaches a threshold.

    The loss is the binary cross-entropy over records and labels.

    Args:
        target: Field of the label sets.
        input_width: Features per step.
        summary_width: Features of the encoder's summary.
        pooling: How steps become one vector: `last` (the encoder's summary), `mean`, `max`, `ends` or `attention`.
        drop_prob: Dropout of that vector, from 0 to below 1.
        threshold: Lowest probability of a label that is predicted, from 0 to 1.
    """

    item_axes = LabelHead.item_axes
    own_score = "subset_accuracy"
    main_metric = "micro_f1"
    lacks = MappingProxyType({"n_best": "it decides on each label independently"})
    target: MultiLabelField

    def __init__(
        self,
        *,
        target: MultiLabelField,
        input_width: int,
        summary_width: int,
        pooling: str = "attention",
        drop_prob: float = 0.3,
        threshold: float = 0.5,
    ) -> None:
        super().__init__()
        check_option(0 <= threshold <= 1, "a probability, from 0 to 1", threshold=threshold)
        self.target, self.threshold = target, threshold
        self.scores = _Classifier(input_width, summary_width, len(target.labels), pooling=pooling, drop_prob=drop_prob)

    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean binary cross-entropy over records and labels."""
        return nn.functional.binary_cross_entropy_with_logits(self.scores(steps).float(), batch.tensor(self.target))

    def distribution(self, steps: Steps, batch: Batch) -> LabelSet:
        """Return the distribution over sets of labels."""
        return LabelSet(self.scores(steps).float(), self.target.labels, threshold=self.threshold)

    def gold(self, columns: Columns) -> list[list[str]]:
        """Return the labels of each record."""
        strings = columns.strings(self.target.column)
        bounds = zip(strings.codes.offsets[:-1], strings.codes.offsets[1:], strict=True)
        return [[strings.distinct[code] for code in strings.codes.values[start:end]] for start, end in bounds]

    def score(self, gold: Sequence[list[str]], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return micro and macro F1 over labels, and the share of records with exactly the right set."""
        return multilabel_scores(gold, [prediction.labels for prediction in predictions])

    @classmethod
    def counted(cls, target: Any) -> list[Counted]:
        """Return the counts of labels, and of whole sets."""
        return [Counted(LABEL_F1, label_set_counts), Counted(ACCURACY, whole_set_counts)]

    def shown(self, records: Sequence[Answered]) -> Sequence[Answer]:
        """Return a set of labels for each record."""
        return [SetAnswer(r.id, r.tokens or [], r.gold, r.prediction.labels, r.prediction.confidences) for r in records]
