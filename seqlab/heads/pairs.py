"""Heads of pairs: what two sides, encoded by the same weights, are to each other (Tai et al. 2015, §5.2).

With u and v for the two sides in one vector each,

    h = sigmoid(W [|u - v|; u * v] + b)        scores = W' h + b'

|u - v| and u * v are the same whichever side comes first. A relation that has a direction, as entailment does, needs u and v
themselves beside them (Mou et al. 2016).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.columns import Columns
from seqlab.data.fields import LabelField, ScoreField
from seqlab.data.pairs import SECOND
from seqlab.errors import ConfigError, DataError
from seqlab.functional.dropout import NaiveDropout
from seqlab.heads.parts.pooling import get_pooling
from seqlab.heads.sequence import ChoiceHead, LabelHead
from seqlab.metrics import agreement_scores
from seqlab.steps import Steps
from seqlab.types import Prediction

FEATURES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "difference": lambda first, second: (first - second).abs(),
    "product": lambda first, second: first * second,
    "first": lambda first, second: first,
    "second": lambda first, second: second,
}
"""What a head may see of two vectors."""


@final
class _PairClassifier(nn.Module):
    """Pools both sides, compares them by `features` in a hidden layer of `width`, and scores every label."""

    def __init__(
        self,
        *,
        input_width: int,
        summary_width: int,
        pooling: str,
        features: Sequence[str],
        width: int,
        drop_prob: float,
        n_labels: int,
    ) -> None:
        super().__init__()
        unknown = [name for name in features if name not in FEATURES]
        if unknown or not features:
            raise ConfigError(f"features is {list(features)}; expected some of {', '.join(FEATURES)}")
        self.features = list(features)
        self.pooling = get_pooling(pooling, input_width=input_width, summary_width=summary_width)
        self.hidden = nn.Linear(len(features) * self.pooling.output_width, width)
        self.dropout = NaiveDropout(drop_prob=drop_prob)
        self.projection = nn.Linear(width, n_labels)

    def forward(self, steps: Steps) -> Float[Tensor, "batch label"]:
        if steps.second is None:
            raise DataError(
                f"the records have one side, but a head labels pairs; give the second in columns such as tokens{SECOND}"
            )
        first, second = (self.pooling(side) for side in (steps, steps.second))
        compared = torch.cat([FEATURES[name](first, second) for name in self.features], dim=1)
        logits: Tensor = self.projection(self.dropout(torch.sigmoid(self.hidden(compared))))
        return logits


@final
class PairLabelHead(LabelHead):
    """One label a pair, by softmax, such as entailment; the loss is `CrossEntropy` over pairs."""

    is_of_pairs = True

    def __init__(
        self,
        *,
        target: LabelField,
        input_width: int,
        summary_width: int,
        pooling: str,
        features: Sequence[str],
        width: int,
        drop_prob: float,
        class_weights: Mapping[str, float],
        label_smoothing: float,
        focal_gamma: float,
    ) -> None:
        scores = _PairClassifier(
            input_width=input_width,
            summary_width=summary_width,
            pooling=pooling,
            features=features,
            width=width,
            drop_prob=drop_prob,
            n_labels=len(target.labels),
        )
        super().__init__(
            target=target,
            scores=scores,
            class_weights=class_weights,
            label_smoothing=label_smoothing,
            focal_gamma=focal_gamma,
            path="heads.entailment",
        )


@final
class PairScoreHead(ChoiceHead):
    """How much two sides have to do with each other, as a real number from the lowest to the highest grade.

    It gives each grade a probability, and answers with their mean. A target between two grades is a distribution over the two
    that has it for its mean; the loss is the Kullback-Leibler divergence from that (Tai et al. 2015, equations 15 and 16).
    """

    is_of_pairs = True
    target: ScoreField
    grades: Tensor

    def __init__(
        self,
        *,
        target: ScoreField,
        input_width: int,
        summary_width: int,
        pooling: str,
        features: Sequence[str],
        width: int,
        drop_prob: float,
    ) -> None:
        scores = _PairClassifier(
            input_width=input_width,
            summary_width=summary_width,
            pooling=pooling,
            features=features,
            width=width,
            drop_prob=drop_prob,
            n_labels=len(target.labels),
        )
        super().__init__(scores=scores)
        self.target = target
        self.register_buffer("grades", torch.arange(target.lowest, target.highest + 1.0), persistent=False)

    @property
    def main_metric(self) -> str:
        """Pearson's correlation."""
        return "pearson"

    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean divergence from the distributions of the targets."""
        wanted = (1 - (batch.tensor(self.target).unsqueeze(1) - self.grades).abs()).clamp(min=0)
        log_probs = self._logits(steps).log_softmax(1)
        divergences = torch.xlogy(wanted, wanted) - wanted * log_probs
        return divergences.sum() / max(1, len(wanted))

    def predict(self, steps: Steps, batch: Batch, *, use_confidences: bool) -> list[Prediction]:
        """Return the expected grade of each pair as its value, and the likeliest one as its label."""
        probs = self._logits(steps).softmax(1)
        best, places = probs.max(1)
        rows = zip(places.tolist(), best.tolist(), (probs @ self.grades).tolist(), strict=True)
        return [Prediction([self.target.labels[i]], [p], value=value) for i, p, value in rows]

    def gold(self, columns: Columns) -> list[float]:
        """Return each record's number."""
        numbers: list[float] = self.target.numbers(columns).tolist()
        return numbers

    def score(self, gold: Sequence[float], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return Pearson's and Spearman's correlation and the mean squared error."""
        return agreement_scores(gold, [one.value for one in predictions if one.value is not None])
