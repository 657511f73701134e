"""Heads of pairs keep the contract, and learn the distributions of Tai et al. (2015)."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from seqlab.data.batch import Batch
from seqlab.data.columns import Columns, string_records
from seqlab.data.fields import Field, LabelField, ScoreField
from seqlab.errors import ConfigError, DataError
from seqlab.heads import Head, PairLabelHead, PairScoreHead
from seqlab.testing import FieldContract, PairHeadContract, labelled_columns, strange_columns
from seqlab.testing.ragged import ragged_steps

SYMMETRIC: dict[str, Any] = {"features": ["difference", "product"], "width": 6, "drop_prob": 0.0}
PLAIN: dict[str, Any] = {"class_weights": {}, "label_smoothing": 0.0, "focal_gamma": 0.0}
DIRECTED: dict[str, Any] = {"features": ["difference", "product", "first", "second"], "width": 6, "drop_prob": 0.0}


def scored(columns: Columns, *numbers: float) -> Columns:
    return Columns(columns.records.add_column("score", list(numbers)))


class TestScoreField(FieldContract):
    def make(self) -> Field:
        return ScoreField(column="score", lowest=1, highest=5)

    def columns(self) -> Columns:
        return scored(labelled_columns(), 1.0, 2.25, 5.0, 3.5, 4.0)

    def unseen_columns(self) -> Columns:
        return scored(strange_columns(), 1.5, 2.0, 3.0)


class TestPairLabelHead(PairHeadContract):
    def target(self) -> Field:
        return LabelField("label")

    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        return PairLabelHead(
            target=target, input_width=input_width, summary_width=summary_width, pooling="last", **DIRECTED, **PLAIN
        )


class TestAttentivePairLabelHead(PairHeadContract):
    def target(self) -> Field:
        return LabelField("label")

    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        return PairLabelHead(
            target=target, input_width=input_width, summary_width=summary_width, pooling="attention", **DIRECTED, **PLAIN
        )


class TestPairScoreHead(PairHeadContract):
    def target(self) -> Field:
        return ScoreField(column="score", lowest=1, highest=5)

    def columns(self) -> Columns:
        return scored(labelled_columns(), 1.0, 2.25, 5.0, 3.5, 4.0)

    def unseen_columns(self) -> Columns:
        return scored(strange_columns(), 1.5, 2.0, 3.0)

    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        return PairScoreHead(target=target, input_width=input_width, summary_width=summary_width, pooling="max", **SYMMETRIC)


def score_head() -> PairScoreHead:
    field = ScoreField(column="score", lowest=1, highest=5)
    return PairScoreHead(target=field, input_width=3, summary_width=4, pooling="last", **SYMMETRIC)


@pytest.mark.parametrize("target", [1.0, 2.0, 3.6, 4.999, 5.0])
def test_the_loss_is_the_divergence_from_the_sparse_target(target: float) -> None:
    head, steps = score_head(), ragged_steps(3, lengths=[2], summary_width=4)
    steps = replace(steps, second=ragged_steps(3, lengths=[1], summary_width=4))
    batch = Batch({head.target.key: torch.tensor([target])}, steps.lengths, torch.arange(1))
    probs = head.scores(steps).softmax(1)[0].tolist()
    floor = math.floor(target)  # equation 15: the rest goes to the grade above
    wanted = {floor: floor + 1 - target, floor + 1: target - floor}
    expected = sum(p * math.log(p / probs[grade - 1]) for grade, p in wanted.items() if p > 0)
    assert head.loss(steps, batch).item() == pytest.approx(expected, rel=1e-4)


def test_a_value_is_the_mean_of_the_grades() -> None:
    head, steps = score_head(), ragged_steps(3, lengths=[2, 1], summary_width=4)
    steps = replace(steps, second=steps.with_values(steps.values * 2))
    batch = Batch({}, steps.lengths, torch.arange(2))
    probs = head.scores(steps).softmax(1)
    for row, one in zip(probs.tolist(), head.predict(steps, batch, use_confidences=True), strict=True):
        assert one.value == pytest.approx(sum(grade * p for grade, p in enumerate(row, 1)))
        assert one.labels == [str(1 + row.index(max(row)))]


def test_difference_and_product_do_not_tell_the_sides_apart() -> None:
    head, first = score_head(), ragged_steps(3, lengths=[2, 1], summary_width=4)
    second = replace(ragged_steps(3, lengths=[1, 3], summary_width=4), summary=torch.randn(2, 4))
    forth, back = head.scores(replace(first, second=second)), head.scores(replace(second, second=first))
    torch.testing.assert_close(forth, back)


@pytest.mark.parametrize("features", [[], ["difference", "sum"]])
def test_other_features_are_refused(features: list[str]) -> None:
    with pytest.raises(ConfigError, match="expected some of difference, product, first, second"):
        PairScoreHead(
            target=ScoreField("score", 1, 5),
            input_width=3,
            summary_width=4,
            pooling="last",
            features=features,
            width=2,
            drop_prob=0.0,
        )


def test_a_score_out_of_bounds_is_told() -> None:
    field = ScoreField("score", 1, 5)
    with pytest.raises(DataError, match=r"record 'one' has 5\.5 in column 'score'; expected 1 to 5; set lowest and highest"):
        field.fit(scored(labelled_columns(), 1.0, 5.5, 1.0, 1.0, 1.0))
    with pytest.raises(DataError, match=r"record 'b' \(line 7\) has 0 in column 'score'; expected 1 to 5"):
        field.fit(string_records({"id": ["a", "b"], "line": [6, 7], "score": [1.0, 0.0]}))
    with pytest.raises(DataError, match="column 'label' holds string; expected a number a record"):
        ScoreField("label", 1, 5).fit(labelled_columns())
    with pytest.raises(ConfigError, match="highest is 1 and lowest 1"):
        ScoreField("score", 1, 1)
