"""The contracts refuse parts that break them: each part below has one fault, and one test of the contract finds it."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqlab.data.columns import Columns
from seqlab.data.encoding import Batch
from seqlab.data.fields import CategoryField, EncodedColumn, Field, LabelField, TagField
from seqlab.data.readers import ConllReader, Reader
from seqlab.data.records import records_from_columns
from seqlab.embeddings import CategoryEmbedding, Embedding
from seqlab.encoders import Encoder
from seqlab.heads import Head, SoftmaxTokenHead
from seqlab.steps import Steps
from seqlab.testing import (
    EmbeddingContract,
    EncoderContract,
    FieldContract,
    HeadContract,
    ReaderContract,
    TokenHeadContract,
)
from seqlab.types import Prediction


class SoundEncoder(Encoder):
    """A linear layer and a mean, with a hook for each fault."""

    def __init__(self, *, input_width: int) -> None:
        super().__init__()
        self.output_width, self.summary_width = 4, 4
        self.layer = nn.Linear(input_width, 4)

    def forward(self, steps: Steps) -> Steps:
        values = self.layer(self.clean(steps).values)
        return steps.with_values(self.mixed(values, steps), summary=self.summary(values, steps))

    def clean(self, steps: Steps) -> Steps:
        return steps.zero_padded()

    def mixed(self, values: Tensor, steps: Steps) -> Tensor:
        return values

    def summary(self, values: Tensor, steps: Steps) -> Tensor:
        return (values * steps.mask.unsqueeze(2)).sum(1) / steps.lengths.clamp(min=1).unsqueeze(1)


class LeakyEncoder(SoundEncoder):
    def clean(self, steps: Steps) -> Steps:
        return steps


class MixingEncoder(SoundEncoder):
    def mixed(self, values: Tensor, steps: Steps) -> Tensor:
        return values - values.mean(0, keepdim=True)


class PaddedMeanEncoder(SoundEncoder):
    def summary(self, values: Tensor, steps: Steps) -> Tensor:
        return values.mean(1)


class EmptyEncoder(SoundEncoder):
    def summary(self, values: Tensor, steps: Steps) -> Tensor:
        return (values * steps.mask.unsqueeze(2)).sum(1) / steps.lengths.unsqueeze(1)


class RandomEncoder(SoundEncoder):
    def mixed(self, values: Tensor, steps: Steps) -> Tensor:
        return values + 0.1 * torch.randn(values.shape)


class IdleEncoder(SoundEncoder):
    def __init__(self, *, input_width: int) -> None:
        super().__init__(input_width=input_width)
        self.idle = nn.Parameter(torch.ones(3))


class WideEncoder(SoundEncoder):
    def __init__(self, *, input_width: int) -> None:
        super().__init__(input_width=input_width)
        self.output_width = 5


class ForgetfulEncoder(SoundEncoder):
    def __init__(self, *, input_width: int) -> None:
        super().__init__(input_width=input_width)
        self.register_buffer("offset", torch.rand(4), persistent=False)

    def mixed(self, values: Tensor, steps: Steps) -> Tensor:
        return values + self.offset


def encoder_contract(kind: type[Encoder]) -> EncoderContract:
    class Suite(EncoderContract):
        def make(self, input_width: int) -> Encoder:
            return kind(input_width=input_width)

    return Suite()


FAULTY_ENCODERS = [
    (LeakyEncoder, "test_padding_changes_nothing", "summary"),
    (LeakyEncoder, "test_padding_reaches_no_gradient", "gradient of layer.weight"),
    (MixingEncoder, "test_batch_equals_singles", "record 0 alone"),
    (PaddedMeanEncoder, "test_padding_changes_nothing", "summary"),
    (PaddedMeanEncoder, "test_batch_equals_singles", "record 0 alone, summary"),
    (EmptyEncoder, "test_empty_records_are_finite", "not finite"),
    (RandomEncoder, "test_evaluation_is_deterministic", ""),
    (IdleEncoder, "test_every_parameter_gets_a_gradient", "parameter idle gets no gradient"),
    (WideEncoder, "test_widths_are_as_promised", ""),
    (ForgetfulEncoder, "test_state_dict_reloads", "after load_state_dict"),
]


def tests_of(suite: object) -> list[Callable[[], None]]:
    return [getattr(suite, name) for name in dir(suite) if name.startswith("test_")]


def test_a_sound_encoder_passes() -> None:
    tests = tests_of(encoder_contract(SoundEncoder))
    assert len(tests) >= 9
    for test in tests:
        test()


@pytest.mark.parametrize(("kind", "test", "message"), FAULTY_ENCODERS)
def test_a_faulty_encoder_is_found(kind: type[Encoder], test: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        getattr(encoder_contract(kind), test)()


def word_field() -> CategoryField:
    return CategoryField(column="tokens", view="lower", min_count=1)


class MixingEmbedding(Embedding):
    def __init__(self, *, field: CategoryField, width: int, unknown_alpha: float) -> None:
        super().__init__()
        self.inner = CategoryEmbedding(field=field, width=width, unknown_alpha=unknown_alpha)
        self.field, self.output_width = field, width

    def forward(self, batch: Batch) -> Tensor:
        return self.mixed(self.inner(batch))

    def mixed(self, values: Tensor) -> Tensor:
        return values - values.mean((0, 1), keepdim=True)


class PositionalEmbedding(MixingEmbedding):
    """Counts steps from the end of the batch: other records' lengths reach the values."""

    def mixed(self, values: Tensor) -> Tensor:
        return values + torch.arange(values.shape[1], 0, -1)[None, :, None]


class InfiniteEmbedding(MixingEmbedding):
    def mixed(self, values: Tensor) -> Tensor:
        return values / 0


@pytest.mark.parametrize(
    ("kind", "test", "message"),
    [
        (MixingEmbedding, "test_batch_equals_singles", "record 0 alone"),
        (PositionalEmbedding, "test_batch_equals_singles", "alone"),
        (InfiniteEmbedding, "test_values_are_finite", ""),
    ],
)
def test_a_faulty_embedding_is_found(kind: type[MixingEmbedding], test: str, message: str) -> None:
    class Suite(EmbeddingContract):
        def field(self) -> Field:
            return word_field()

        def make(self, field: Field) -> Embedding:
            return kind(field=field, width=3, unknown_alpha=0.0)

    with pytest.raises(AssertionError, match=message):
        getattr(Suite(), test)()


class LeakyHead(Head):
    """A softmax head with a hook for each fault."""

    def __init__(self, *, target: TagField, input_width: int, summary_width: int) -> None:
        super().__init__()
        self.target = target
        self.inner = SoftmaxTokenHead(target=target, input_width=input_width, summary_width=summary_width, is_constrained=False)

    def loss(self, steps: Steps, batch: Batch) -> Tensor:
        return self.inner.loss(steps, batch) + 1e-3 * steps.values.mean()

    def predict(self, steps: Steps, *, use_confidences: bool) -> list[Prediction]:
        return self.inner.predict(steps, use_confidences=use_confidences)

    def gold(self, columns: Columns) -> list[Any]:
        return self.inner.gold(columns)

    def score(self, gold: Any, predictions: Any) -> dict[str, Any]:
        return self.inner.score(gold, predictions)


class SummingHead(LeakyHead):
    def loss(self, steps: Steps, batch: Batch) -> Tensor:
        return self.inner.loss(steps, batch) * len(batch)


class DroppingHead(LeakyHead):
    """Forgets the last step of each record."""

    def loss(self, steps: Steps, batch: Batch) -> Tensor:
        return self.inner.loss(steps, batch)

    def predict(self, steps: Steps, *, use_confidences: bool) -> list[Prediction]:
        predictions = super().predict(steps, use_confidences=use_confidences)
        return [Prediction(p.labels[:-1], p.confidences[:-1]) for p in predictions]


class FragileHead(LeakyHead):
    """Divides by the number of known targets."""

    def loss(self, steps: Steps, batch: Batch) -> Tensor:
        known = (batch.tensors(self.target) >= 0).sum()
        return self.inner.loss(steps, batch) / known * known


@pytest.mark.parametrize(
    ("kind", "test", "message"),
    [
        (LeakyHead, "test_padding_changes_no_loss_and_no_gradient", "padding"),
        (SummingHead, "test_loss_is_a_mean", ""),
        (DroppingHead, "test_predictions_fit_their_records", "labels for 4 steps"),
        (FragileHead, "test_labels_unseen_in_training_are_no_obstacle", "loss of records .* is nan"),
        (FragileHead, "test_empty_records_have_loss_and_prediction", ""),
    ],
)
def test_a_faulty_head_is_found(kind: type[LeakyHead], test: str, message: str) -> None:
    class Suite(TokenHeadContract):
        def target(self) -> Field:
            return TagField(column="upos", scheme=None)

        def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
            return kind(target=target, input_width=input_width, summary_width=summary_width)

    with pytest.raises(AssertionError, match=message):
        getattr(Suite(), test)()


class UncertainHead(LeakyHead):
    def predict(self, steps: Steps, *, use_confidences: bool) -> list[Prediction]:
        return [Prediction(p.labels, [2.0] * len(p.labels)) for p in super().predict(steps, use_confidences=True)]


def test_a_confidence_that_is_no_probability_is_found() -> None:
    class Suite(HeadContract):
        def target(self) -> Field:
            return TagField(column="upos", scheme=None)

        def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
            return UncertainHead(target=target, input_width=input_width, summary_width=summary_width)

    with pytest.raises(AssertionError, match=r"2\.0"):
        Suite().test_predictions_fit_their_records()


class ForgetfulField(Field):
    """A label field with a hook for each fault."""

    def __init__(self) -> None:
        self.column = "label"
        self.inner = LabelField(column="label")

    @property
    def key(self) -> str:
        return self.inner.key

    def fit(self, columns: Columns) -> None:
        self.inner.fit(columns)

    def encode(self, columns: Columns) -> EncodedColumn:
        return self.inner.encode(columns)

    def state(self) -> Mapping[str, Any]:
        return {"labels": sorted(self.inner.labels, reverse=True)}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        self.inner.restore({"labels": state["labels"][::-1][1:] + state["labels"][-1:]}, arrays)


class LearningKeyField(ForgetfulField):
    @property
    def key(self) -> str:
        return f"{self.inner.key} {getattr(self.inner, 'labels', [])}"


@pytest.mark.parametrize(
    ("kind", "test", "message"),
    [
        (ForgetfulField, "test_state_restores_through_json", "after restore"),
        (LearningKeyField, "test_key_tells_settings_apart_from_what_was_learned", ""),
    ],
)
def test_a_faulty_field_is_found(kind: type[ForgetfulField], test: str, message: str) -> None:
    class Suite(FieldContract):
        def make(self) -> Field:
            return kind()

    with pytest.raises(AssertionError, match=message):
        getattr(Suite(), test)()


def conll() -> Reader:
    return ConllReader(
        columns={"tokens": 0, "tags": -1},
        separator="auto",
        skip_docstart=True,
        comment_prefix=None,
        scheme=None,
        target_scheme=None,
    )


class ConllSuite(ReaderContract):
    def make(self) -> Reader:
        return conll()

    def write_sound(self, folder: Path) -> Path:
        (folder / "sound.conll").write_text("Ada\tB-A\nsaw\tO\n\nKiel\tB-B\n", encoding="utf-8")
        return folder / "sound.conll"

    def expected(self) -> list[dict[str, Any]]:
        return [{"tokens": ["Ada", "saw"], "tags": ["B-A", "O"]}, {"tokens": ["Kiel"], "tags": ["B-B"]}]

    def write_damaged(self, folder: Path) -> tuple[Path, int]:
        (folder / "damaged.conll").write_text("Ada\tB-A\n\nsaw\n", encoding="utf-8")
        return folder / "damaged.conll", 3


class TestConllReader(ConllSuite):
    pass


@final
class CarelessReader(Reader):
    """Reads JSON lines without a look at them."""

    def parse(self, path: Path, *, report: Any) -> Any:
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) if line.startswith("{") else {"id": "x", "tokens": ["?"]} for line in lines]
        return records_from_columns({name: [row[name] for row in rows] for name in ("id", "tokens")})


class CarelessSuite(ReaderContract):
    def make(self) -> Reader:
        return CarelessReader()

    def write_sound(self, folder: Path) -> Path:
        (folder / "a.jsonl").write_text('{"id": "x", "tokens": ["a"]}\n{"id": "x", "tokens": []}\n', encoding="utf-8")
        return folder / "a.jsonl"

    def expected(self) -> list[dict[str, Any]]:
        return [{"tokens": ["a"]}, {"tokens": ["b"]}]

    def write_damaged(self, folder: Path) -> tuple[Path, int]:
        (folder / "b.jsonl").write_text('{"id": "x", "tokens": ["a"]}\n?\n', encoding="utf-8")
        return folder / "b.jsonl", 2


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("test_records_are_as_written", ""),
        ("test_every_record_has_an_id_of_its_own", ""),
        ("test_a_fault_is_told_with_its_line", "no DataError"),
        ("test_a_fault_can_be_collected", ""),
    ],
)
def test_a_careless_reader_is_found(test: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        getattr(CarelessSuite(), test)()
