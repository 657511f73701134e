"""Every built-in head keeps the contract."""

from typing import Any

import pytest
import torch

from seqlab.data.columns import Columns
from seqlab.data.fields import (
    CategoryField,
    Field,
    LabelField,
    LabelSequenceField,
    MultiLabelField,
    SegmentBoundsField,
    SegmentLabelField,
    SpanField,
    TagField,
    TaughtTagField,
)
from seqlab.heads import (
    BiaffineSpanHead,
    CrfTokenHead,
    CtcHead,
    Head,
    HmmHybridHead,
    HmmTokenHead,
    MultiLabelHead,
    SecondOrderCrfTokenHead,
    SegmentHead,
    SemiMarkovHead,
    SequenceHead,
    SoftmaxTokenHead,
)
from seqlab.steps import Steps
from seqlab.testing import HeadContract, TokenHeadContract, labelled_columns
from seqlab.testing.ragged import ragged_steps
from seqlab.testing.records import taught_columns
from seqlab.types import Prediction

PLAIN: dict[str, Any] = {"class_weights": {}, "label_smoothing": 0.0, "focal_gamma": 0.0}


class TestCrfTokenHead(TokenHeadContract):
    def target(self) -> Field:
        return TagField(column="tags", scheme="BIO")

    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        return CrfTokenHead(target=target, input_width=input_width, summary_width=summary_width, omission_cost=0.0)


class TestPlainCrfTokenHead(TestCrfTokenHead):
    def target(self) -> Field:
        return TagField(column="upos", scheme=None)


class TestSecondOrderCrfTokenHead(TestCrfTokenHead):
    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        return SecondOrderCrfTokenHead(target=target, input_width=input_width, summary_width=summary_width, omission_cost=0.0)


class TestSoftmaxTokenHead(TokenHeadContract):
    def target(self) -> Field:
        return TagField(column="upos", scheme=None)

    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        return SoftmaxTokenHead(
            target=target, input_width=input_width, summary_width=summary_width, is_constrained=False, **PLAIN
        )


class TestConstrainedSoftmaxTokenHead(TokenHeadContract):
    def target(self) -> Field:
        return TagField(column="tags", scheme="BIO")

    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        return SoftmaxTokenHead(
            target=target, input_width=input_width, summary_width=summary_width, is_constrained=True, **PLAIN
        )


class TestTaughtCrfTokenHead(TestCrfTokenHead):
    def target(self) -> Field:
        return TaughtTagField(column="tags", scheme="BIO", teacher_column="teacher", weight=0.5, temperature=2.0)

    def columns(self) -> Columns:
        return taught_columns(super().columns())

    def unseen_columns(self) -> Columns:
        return taught_columns(super().unseen_columns())


class TestTaughtSoftmaxTokenHead(TestTaughtCrfTokenHead):
    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        return SoftmaxTokenHead(
            target=target, input_width=input_width, summary_width=summary_width, is_constrained=True, **PLAIN
        )


class TestHmmTokenHead(TokenHeadContract):
    input_width = 1

    def target(self) -> Field:
        return TagField(column="tags", scheme="BIO")

    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        words = CategoryField(column="tokens", view="identity", min_count=1)
        words.fit(labelled_columns())
        return HmmTokenHead(
            target=target,
            words=words,
            input_width=input_width,
            summary_width=summary_width,
            estimate="counts",
            emission_smoothing=0.1,
            transition_smoothing=0.1,
        )

    def _steps(self, columns: Columns) -> Steps:
        steps = ragged_steps(1, lengths=self._lengths(columns).tolist(), summary_width=self.summary_width)
        return steps.with_values(steps.values.abs().mul(2).round() + 1)


@pytest.fixture(params=["last", "mean", "max", "ends", "attention"])
def _pooling(request: pytest.FixtureRequest) -> None:
    request.instance.pooling = request.param


@pytest.mark.usefixtures("_pooling")
class TestSequenceHead(HeadContract):
    pooling: str

    def target(self) -> Field:
        return LabelField(column="label")

    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        return SequenceHead(
            target=target, input_width=input_width, summary_width=summary_width, pooling=self.pooling, drop_prob=0.5, **PLAIN
        )


@pytest.mark.usefixtures("_pooling")
class TestMultiLabelHead(HeadContract):
    pooling: str

    def target(self) -> Field:
        return MultiLabelField(column="topics")

    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        return MultiLabelHead(
            target=target,
            input_width=input_width,
            summary_width=summary_width,
            pooling=self.pooling,
            drop_prob=0.5,
            threshold=0.5,
        )


@pytest.fixture(params=["mean", "max", "ends", "attention"])
def _segment_pooling(request: pytest.FixtureRequest) -> None:
    request.instance.pooling = request.param


@pytest.mark.usefixtures("_segment_pooling")
class TestSegmentHead(HeadContract):
    pooling: str
    has_transitions = False

    def inputs(self) -> list[Field]:
        return [SegmentBoundsField(column="segments", scheme=None)]

    def target(self) -> Field:
        return SegmentLabelField(column="segments", scheme=None)

    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        return SegmentHead(
            target=target,
            bounds=self.inputs()[0],
            input_width=input_width,
            summary_width=summary_width,
            pooling=self.pooling,
            drop_prob=0.5,
            has_transitions=self.has_transitions,
        )


class TestCrfSegmentHead(TestSegmentHead):
    has_transitions = True


class TemporalContract(HeadContract):
    def target(self) -> Field:
        return LabelSequenceField(column="labels", alternatives=None)

    def check_prediction(self, prediction: Prediction, *, n_steps: int) -> None:
        super().check_prediction(prediction, n_steps=n_steps)
        assert prediction.bounds is not None
        assert all(0 <= start < end <= n_steps for start, end in prediction.bounds), prediction
        assert prediction.bounds == sorted(prediction.bounds)


@pytest.mark.parametrize("_beam_width", [1, 3])
class TestCtcHead(TemporalContract):
    @pytest.fixture(autouse=True)
    def _chosen(self, _beam_width: int) -> None:
        self.beam_width = _beam_width

    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        return CtcHead(
            target=target,
            input_width=input_width,
            summary_width=summary_width,
            upsampling=2,
            drop_prob=0.0,
            beam_width=self.beam_width,
            insertion_bonus=0.0,
            prior_order=0,
            prior_weight=1.0,
        )


@pytest.mark.parametrize("_training", ["full_sum", "viterbi"])
class TestHmmHybridHead(TemporalContract):
    @pytest.fixture(autouse=True)
    def _chosen(self, _training: str) -> None:
        self.training = _training

    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        return HmmHybridHead(
            target=target,
            input_width=input_width,
            summary_width=summary_width,
            upsampling=2,
            drop_prob=0.0,
            states_per_label=2,
            can_skip=False,
            has_silence=True,
            training=self.training,
            prior_scale=0.5,
            insertion_bonus=0.0,
        )


class TestSemiMarkovHead(TokenHeadContract):
    def target(self) -> Field:
        return TagField(column="tags", scheme="BIO")

    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        return SemiMarkovHead(target=target, input_width=input_width, summary_width=summary_width, max_length=3)


@pytest.mark.parametrize("_max_width", [None, 2])
@pytest.mark.parametrize("_can_nest", [True, False])
class TestBiaffineSpanHead(HeadContract):
    @pytest.fixture(autouse=True)
    def _chosen(self, _max_width: int | None, _can_nest: bool) -> None:
        self.max_width, self.can_nest = _max_width, _can_nest

    def target(self) -> Field:
        return SpanField(column="segments", scheme=None)

    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        made = BiaffineSpanHead(
            target=target,
            input_width=input_width,
            summary_width=summary_width,
            hidden_width=6,
            drop_prob=0.5,
            max_width=self.max_width,
            can_nest=self.can_nest,
            omission_cost=0.5,
        )
        with torch.no_grad():
            made.scores.first.bias[0] = 0.0  # or a new head finds no span at all
        return made

    def check_prediction(self, prediction: Prediction, *, n_steps: int) -> None:
        super().check_prediction(prediction, n_steps=n_steps)
        assert prediction.bounds is not None
        assert len(prediction.bounds) == len(prediction.labels) == len(set(prediction.bounds))
        assert all(0 <= start < end <= n_steps for start, end in prediction.bounds), prediction
        assert all(end - start <= (self.max_width or n_steps) for start, end in prediction.bounds)
        if n_steps == 6:
            assert prediction.labels, "without a span there is nothing to check"
