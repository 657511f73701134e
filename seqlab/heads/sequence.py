"""Sequence heads: one label a record, or any number of them."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.columns import Columns
from seqlab.data.fields import NO_TARGET, LabelField, MultiLabelField, ScoreField
from seqlab.functional.dropout import NaiveDropout
from seqlab.heads.base import Head
from seqlab.heads.parts.cross_entropy import CrossEntropy, mean
from seqlab.heads.parts.pooling import get_pooling
from seqlab.heads.parts.ranges import check_probability
from seqlab.heads.parts.temperature import Temperature
from seqlab.metrics import calibration_scores, classification_scores, multilabel_scores
from seqlab.steps import Steps
from seqlab.types import Alternative, Prediction


class _Classifier(nn.Module):
    """Pools a sequence and scores every label."""

    def __init__(self, *, input_width: int, summary_width: int, pooling: str, n_labels: int, drop_prob: float) -> None:
        super().__init__()
        self.pooling = get_pooling(pooling, input_width=input_width, summary_width=summary_width)
        self.dropout = NaiveDropout(drop_prob=drop_prob)
        self.projection = nn.Linear(self.pooling.output_width, n_labels)

    def forward(self, steps: Steps) -> Float[Tensor, "batch label"]:
        logits: Tensor = self.projection(self.dropout(self.pooling(steps)))
        return logits


class ChoiceHead(Head):
    """One of the target's labels a record, by softmax over the scores of all that `scores` gives it."""

    target: LabelField | ScoreField
    why_unranked: str | None = None
    why_no_entropy: str | None = None

    def __init__(self, *, scores: nn.Module) -> None:
        super().__init__()
        self.scores = scores

    def best(self, steps: Steps, batch: Batch, *, n: int) -> list[list[Alternative]]:
        """Return the `n` likeliest labels."""
        probs, labels = self._logits(steps).softmax(1).topk(min(n, len(self.target.labels)), dim=1)
        rows = zip(labels.tolist(), probs.tolist(), strict=True)
        return [[Alternative([self.target.labels[i]], p) for i, p in zip(*row, strict=True)] for row in rows]

    def entropy(self, steps: Steps, batch: Batch) -> Float[Tensor, " batch"]:
        """Return the entropy of the distribution over labels."""
        nats: Tensor = torch.special.entr(self._logits(steps).softmax(1)).sum(1)
        return nats

    def _logits(self, steps: Steps) -> Float[Tensor, "batch label"]:
        logits: Tensor = self.scores(steps).float()
        return logits


class LabelHead(ChoiceHead):
    """One label a record, each as probable as it turns out to be right once the temperature is fitted."""

    target: LabelField

    def __init__(
        self,
        *,
        target: LabelField,
        scores: nn.Module,
        class_weights: Mapping[str, float],
        label_smoothing: float,
        focal_gamma: float,
        path: str,
    ) -> None:
        super().__init__(scores=scores)
        self.target = target
        self.cross_entropy = CrossEntropy(
            target.labels, class_weights=class_weights, label_smoothing=label_smoothing, focal_gamma=focal_gamma, path=path
        )
        self.temperature = Temperature()

    @property
    def main_metric(self) -> str:
        """Accuracy."""
        return "accuracy"

    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean cross-entropy of the records with a known label."""
        labels: Int[Tensor, " batch"] = batch.tensor(self.target)
        return mean(*self.cross_entropy(self._logits(steps), labels))

    def n_targets(self, steps: Steps, batch: Batch) -> int:
        """Return the number of records with a known label."""
        return int((batch.tensor(self.target) != NO_TARGET).sum())

    def predict(self, steps: Steps, batch: Batch, *, use_confidences: bool) -> list[Prediction]:
        """Return the likeliest label of each record with its probability."""
        probs, labels = self._logits(steps).softmax(1).max(1)
        names = self.target.labels
        return [Prediction([names[i]], [p]) for i, p in zip(labels.tolist(), probs.tolist(), strict=True)]

    def _logits(self, steps: Steps) -> Float[Tensor, "batch label"]:
        logits: Tensor = self.temperature(super()._logits(steps))
        return logits

    def gold(self, columns: Columns) -> list[str]:
        """Return each record's label."""
        strings = columns.strings(self.target.column)
        return [strings.distinct[code] for code in strings.codes.values]

    def score(self, gold: Sequence[str], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return accuracy, macro F1 and what always answering the most frequent label would score."""
        scores = classification_scores(gold, [prediction.labels[0] for prediction in predictions])
        is_right = [prediction.labels[0] == label for label, prediction in zip(gold, predictions, strict=True)]
        return scores | calibration_scores([prediction.confidences[0] for prediction in predictions], is_right)


@final
class SequenceHead(LabelHead):
    """One label a record, from its steps pooled in one vector; the loss is `CrossEntropy` over records."""

    def __init__(
        self,
        *,
        target: LabelField,
        input_width: int,
        summary_width: int,
        pooling: str,
        drop_prob: float,
        class_weights: Mapping[str, float],
        label_smoothing: float,
        focal_gamma: float,
    ) -> None:
        scores = _Classifier(
            input_width=input_width,
            summary_width=summary_width,
            pooling=pooling,
            n_labels=len(target.labels),
            drop_prob=drop_prob,
        )
        super().__init__(
            target=target,
            scores=scores,
            class_weights=class_weights,
            label_smoothing=label_smoothing,
            focal_gamma=focal_gamma,
            path="heads.label",
        )


@final
class MultiLabelHead(Head):
    """Any number of labels a record: each whose probability reaches `threshold`."""

    target: MultiLabelField
    why_unranked = "it decides on each label by itself"
    why_no_entropy = None

    def __init__(
        self,
        *,
        target: MultiLabelField,
        input_width: int,
        summary_width: int,
        pooling: str,
        drop_prob: float,
        threshold: float,
    ) -> None:
        super().__init__()
        check_probability(threshold, path="heads.label.threshold")
        self.target = target
        self.threshold = threshold
        self.scores = _Classifier(
            input_width=input_width,
            summary_width=summary_width,
            pooling=pooling,
            n_labels=len(target.labels),
            drop_prob=drop_prob,
        )

    @property
    def main_metric(self) -> str:
        """F1 over all decisions."""
        return "micro_f1"

    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean binary cross-entropy over records and labels."""
        targets: Float[Tensor, "batch label"] = batch.tensor(self.target)
        return nn.functional.binary_cross_entropy_with_logits(self.scores(steps).float(), targets)

    def predict(self, steps: Steps, batch: Batch, *, use_confidences: bool) -> list[Prediction]:
        """Return every label whose probability reaches the threshold, likeliest first."""
        return [self._prediction(row) for row in torch.sigmoid(self.scores(steps).float()).tolist()]

    def entropy(self, steps: Steps, batch: Batch) -> Float[Tensor, " batch"]:
        """Return the entropy of the distribution over sets of labels, which are independent of each other."""
        probs = torch.sigmoid(self.scores(steps).float())
        nats: Tensor = torch.special.entr(torch.stack([probs, 1 - probs])).sum((0, 2))
        return nats

    def _prediction(self, probs: list[float]) -> Prediction:
        chosen = sorted(((p, i) for i, p in enumerate(probs) if p >= self.threshold), reverse=True)
        return Prediction([self.target.labels[i] for _, i in chosen], [p for p, _ in chosen])

    def gold(self, columns: Columns) -> list[list[str]]:
        """Return each record's labels."""
        strings = columns.strings(self.target.column)
        bounds = zip(strings.codes.offsets[:-1], strings.codes.offsets[1:], strict=True)
        return [[strings.distinct[code] for code in strings.codes.values[start:end]] for start, end in bounds]

    def score(self, gold: Sequence[list[str]], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return micro and macro F1 over labels, and the share of records with exactly the right set."""
        return multilabel_scores(gold, [prediction.labels for prediction in predictions])
