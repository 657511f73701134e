"""Every built-in head keeps the contract."""

import pytest

from seqlab.data.columns import Columns
from seqlab.data.fields import (
    CategoryField,
    Field,
    LabelField,
    MultiLabelField,
    SegmentBoundsField,
    SegmentLabelField,
    TagField,
)
from seqlab.heads import CrfTokenHead, Head, HmmTokenHead, MultiLabelHead, SegmentHead, SequenceHead, SoftmaxTokenHead
from seqlab.steps import Steps
from seqlab.testing import HeadContract, TokenHeadContract, labelled_columns
from seqlab.testing.ragged import ragged_steps


class TestCrfTokenHead(TokenHeadContract):
    def target(self) -> Field:
        return TagField(column="tags", scheme="BIO")

    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        return CrfTokenHead(target=target, input_width=input_width, summary_width=summary_width, omission_cost=0.0)


class TestPlainCrfTokenHead(TestCrfTokenHead):
    def target(self) -> Field:
        return TagField(column="upos", scheme=None)


class TestSoftmaxTokenHead(TokenHeadContract):
    def target(self) -> Field:
        return TagField(column="upos", scheme=None)

    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        return SoftmaxTokenHead(target=target, input_width=input_width, summary_width=summary_width, is_constrained=False)


class TestConstrainedSoftmaxTokenHead(TokenHeadContract):
    def target(self) -> Field:
        return TagField(column="tags", scheme="BIO")

    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        return SoftmaxTokenHead(target=target, input_width=input_width, summary_width=summary_width, is_constrained=True)


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
            target=target, input_width=input_width, summary_width=summary_width, pooling=self.pooling, drop_prob=0.5
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
