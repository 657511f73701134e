"""Heads for pairs: they compare two sides, encoded with the same weights (Tai et al. 2015, §5.2).

With u and v, one vector for each side,

    h = sigmoid(W [|u - v|; u * v] + b)        scores = W' h + b'

|u - v| and u * v do not depend on which side comes first. A directed relation such as entailment also needs u and v themselves
(Mou et al. 2016).
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.columns import Columns
from seqlab.data.fields import LabelField, ScoreField
from seqlab.data.pairs import SECOND
from seqlab.errors import DataError
from seqlab.functional.dropout import NaiveDropout
from seqlab.functional.widths import Linear
from seqlab.heads.base import Head
from seqlab.heads.distributions import Choice
from seqlab.heads.parts.cross_entropy import NO_WEIGHTS
from seqlab.heads.parts.options import check_option
from seqlab.heads.parts.pooling import AnyPooling, get_pooling
from seqlab.heads.sequence import LabelHead
from seqlab.metrics import agreement_scores
from seqlab.steps import Steps
from seqlab.types import Prediction

FEATURES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "difference": lambda first, second: (first - second).abs(),
    "product": lambda first, second: first * second,
    "first": lambda first, second: first,
    "second": lambda first, second: second,
}
"""Features of two vectors that a head can use."""


@final
class _PairClassifier(nn.Module):
    """Pools both sides, compares their `features` in a hidden layer of `width`, and scores every label."""

    def __init__(self, pooling: AnyPooling, n_labels: int, *, features: Sequence[str], width: int, drop_prob: float) -> None:
        super().__init__()
        self.features = list(features)
        is_known = bool(features) and set(features) <= FEATURES.keys()
        check_option(is_known, f"some of {', '.join(FEATURES)}", features=self.features)
        self.pooling = pooling
        self.hidden = Linear(len(features) * self.pooling.output_width, width)
        self.dropout = NaiveDropout(drop_prob=drop_prob)
        self.projection = Linear(width, n_labels)

    def forward(self, steps: Steps) -> Float[Tensor, "batch label"]:
        if steps.second is None:
            raise DataError(
                f"the records have one side, but a head labels pairs; add the second side in columns such as tokens{SECOND}"
            )
        first, second = (self.pooling(side) for side in (steps, steps.second))
        # in the order of the option, which fixes the columns of the hidden weights
        compared = torch.cat([FEATURES[name](first, second) for name in self.features], dim=1)
        logits: Tensor = self.projection(self.dropout(torch.sigmoid(self.hidden(compared))))
        return logits


@final
class PairLabelHead(LabelHead):
    """One label per pair, such as entailment.

    The loss is `CrossEntropy` over pairs.

    Args:
        target: Field of the labels.
        input_width: Features per step.
        summary_width: Features of the encoder's summary.
        pooling: How a side becomes one vector: `last` (the encoder's summary), `mean`, `max`, `ends` or `attention`.
        features: Features of the two vectors, at least one of `difference` (absolute), `product`, `first` and `second`.
        width: Width of the hidden layer that compares them, at least 1.
        drop_prob: Dropout of that layer, from 0 to below 1.
        class_weights: Label -> weight of its pairs in the training loss, at least 0; 1 for labels that it lacks.
        label_smoothing: Share of each training target, from 0 to below 1, that is spread evenly over all labels.
        focal_gamma: Exponent of the focal loss in training, at least 0; 0 is the plain cross-entropy.
    """

    kind = "pair"
    is_of_pairs = True

    def __init__(
        self,
        *,
        target: LabelField,
        input_width: int,
        summary_width: int,
        pooling: str = "last",
        features: Sequence[str] = tuple(FEATURES),
        width: int = 50,
        drop_prob: float = 0.0,
        class_weights: Mapping[str, float] = NO_WEIGHTS,
        label_smoothing: float = 0.0,
        focal_gamma: float = 0.0,
    ) -> None:
        pooled = get_pooling(pooling, input_width=input_width, summary_width=summary_width)
        scores = _PairClassifier(pooled, len(target.labels), features=features, width=width, drop_prob=drop_prob)
        super().__init__(target, scores, class_weights=class_weights, label_smoothing=label_smoothing, focal_gamma=focal_gamma)


@final
class PairScoreHead(Head):
    """Scores how similar or related two sides are, as a real number from the lowest to the highest grade.

    It predicts the mean of a distribution over grades. A target between two grades becomes a distribution over these two with
    the target as its mean; the loss is the Kullback-Leibler divergence from it (Tai et al. 2015, equations 15 and 16).

    Args:
        target: Field of the numbers, with the lowest and the highest grade.
        input_width: Features per step.
        summary_width: Features of the encoder's summary.
        pooling: As in `PairLabelHead`.
        features: As in `PairLabelHead`.
        width: Width of the hidden layer that compares the sides.
        drop_prob: Dropout of that layer, from 0 to below 1.
    """

    kind = "pair"
    is_of_pairs = True
    main_metric = "pearson"
    lacks = MappingProxyType({})
    target: ScoreField
    grades: Tensor

    def __init__(
        self,
        *,
        target: ScoreField,
        input_width: int,
        summary_width: int,
        pooling: str = "last",
        features: Sequence[str] = ("difference", "product"),
        width: int = 50,
        drop_prob: float = 0.0,
    ) -> None:
        super().__init__()
        pooled = get_pooling(pooling, input_width=input_width, summary_width=summary_width)
        self.scores = _PairClassifier(pooled, len(target.labels), features=features, width=width, drop_prob=drop_prob)
        self.target = target
        # not saved: derived from the target
        self.register_buffer("grades", torch.arange(target.lowest, target.highest + 1.0), persistent=False)

    def loss(self, steps: Steps, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean divergence from the distributions of the targets."""
        # equation 15: 1 at the target, falling to 0 at the neighbouring grades
        wanted = (1 - (batch.tensor(self.target).unsqueeze(1) - self.grades).abs()).clamp(min=0)
        log_probs: Tensor = self.scores(steps).float().log_softmax(1)
        # xlogy: a grade of probability 0 adds 0, not NaN
        divergences = torch.xlogy(wanted, wanted) - wanted * log_probs
        return divergences.sum() / max(1, len(wanted))

    def distribution(self, steps: Steps, batch: Batch) -> Choice:
        """Return the distribution over grades."""
        return Choice(self.scores(steps).float(), self.target.labels, grades=self.grades)

    def gold(self, columns: Columns) -> list[float]:
        """Return the number of each record."""
        numbers: list[float] = self.target.numbers(columns).tolist()
        return numbers

    def score(self, gold: Sequence[float], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return Pearson's and Spearman's correlation and the mean squared error."""
        return agreement_scores(gold, [one.value for one in predictions if one.value is not None])
