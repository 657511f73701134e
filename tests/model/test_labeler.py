"""Records through a whole model: whatever stands beside them, every step gets its label."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.config.build import known_targets
from seqlab.config.compose import MODEL_KEYS, compose, plain
from seqlab.data.batch import EncodedRecords
from seqlab.data.batching import shuffled_batches, sorted_batches
from seqlab.data.fields.registry import Fields
from seqlab.data.records import records_from_columns
from seqlab.errors import ConfigError, DataError
from seqlab.model.labeler import Labeler, build_labeler
from seqlab.testing import labelled_columns
from seqlab.types import Prediction

SMALL = [
    "data.scheme=BIO",
    "embedding=[words,char_cnn]",
    "embedding.parts.words.width=8",
    "embedding.parts.characters.n_filters=8",
    "encoder.width=8",
]
MODELS = {
    "crf": ["head=[crf]"],
    "softmax": ["head=[softmax]", "encoder=gru", "encoder.depth=2"],
    "sequence": ["head=[sequence]", "encoder=rnn"],
    "both": ["head=[crf,sequence]", "embedding=[words,char_cnn,shapes,affixes]"],
    "multilabel": ["head=[multilabel]", "heads.label.target.column=topics"],
    "identity": ["head=[softmax]", "encoder=identity"],
}
WORDS = st.sampled_from(["Ada", "saw", "Kiel", ".", "unheard", "", "Zürich", "U.S.", "x" * 50])
RAGGED = st.lists(st.lists(WORDS, max_size=9), min_size=1, max_size=9)


def settings_of(overrides: list[str]) -> dict[str, Any]:
    small = [o for o in SMALL if not (o.startswith("encoder.") and "encoder=identity" in overrides)]
    config: dict[str, Any] = plain(compose([*small, *overrides]))
    return config


def model(overrides: list[str]) -> tuple[Labeler, Fields]:
    config = settings_of(overrides)
    fields = Fields.from_config({key: config[key] for key in MODEL_KEYS}, targets=known_targets())
    fields.fit(labelled_columns().records)
    torch.manual_seed(0)
    return build_labeler(config, fields=fields, targets=known_targets()).eval(), fields


@pytest.fixture(scope="module", params=MODELS.values(), ids=MODELS)
def trained(request: pytest.FixtureRequest) -> tuple[Labeler, Fields]:
    return model(request.param)


@torch.inference_mode()
def said(labeler: Labeler, records: EncodedRecords, batches: list[np.ndarray]) -> dict[str, list[Prediction]]:
    """Every head's prediction for each record, in the order of the records."""
    outputs = [labeler.predict(records.batch(rows), use_confidences=True) for rows in batches]
    order = np.argsort(np.concatenate(batches))
    flat = {name: [p for output in outputs for p in output[name]] for name in labeler.heads}
    return {name: [predictions[i] for i in order] for name, predictions in flat.items()}


def encode(fields: Fields, tokens: list[list[str]]) -> EncodedRecords:
    return fields.encode(records_from_columns({"tokens": tokens}))


def assert_same(found: dict[str, list[Prediction]], expected: dict[str, list[Prediction]]) -> None:
    assert list(found) == list(expected)
    for name, predictions in expected.items():
        assert [p.labels for p in found[name]] == [p.labels for p in predictions]
        for one, other in zip(found[name], predictions, strict=True):
            assert one.confidences == pytest.approx(other.confidences, abs=1e-5)


@given(tokens=RAGGED, max_tokens=st.integers(1, 40), seed=st.integers(0, 3))
@settings(max_examples=10)
def test_labels_do_not_depend_on_how_records_are_batched(
    trained: tuple[Labeler, Fields], tokens: list[list[str]], max_tokens: int, seed: int
) -> None:
    labeler, fields = trained
    records = encode(fields, tokens)
    singles = said(labeler, records, [np.asarray([row]) for row in range(len(tokens))])
    assert_same(said(labeler, records, [np.arange(len(tokens))]), singles)
    assert_same(said(labeler, records, sorted_batches(records.lengths, max_tokens=max_tokens)), singles)
    shuffled = shuffled_batches(records.lengths, max_tokens=max_tokens, seed=seed, epoch=0)
    assert_same(said(labeler, records, shuffled), singles)


@given(tokens=RAGGED)
@settings(max_examples=10)
def test_every_step_gets_one_label_and_one_confidence(trained: tuple[Labeler, Fields], tokens: list[list[str]]) -> None:
    labeler, fields = trained
    predictions = said(labeler, encode(fields, tokens), [np.arange(len(tokens))])
    for name, rows in predictions.items():
        assert len(rows) == len(tokens)
        for prediction, words in zip(rows, tokens, strict=True):
            assert len(prediction.confidences) == len(prediction.labels)
            assert all(0 <= p <= 1 + 1e-6 for p in prediction.confidences)
            if name == "tags":
                assert len(prediction.labels) == len(words)


def test_a_label_depends_on_the_record_it_stands_in() -> None:
    """The invariants above would hold for a model that always says the same."""
    labeler, fields = model(MODELS["softmax"])
    records = encode(fields, [["Ada", "saw", "Kiel"], ["rain", "saw", "Kiel"], ["Kiel", "saw", "Kiel"]])
    confidences = [p.confidences[1] for p in said(labeler, records, [np.arange(3)])["tags"]]
    assert len(set(confidences)) == 3


def test_losses_are_those_of_the_heads_whose_target_is_there() -> None:
    labeler, fields = model(MODELS["both"])
    records = labelled_columns().records
    whole = fields.encode(records).batch(np.arange(5))
    assert set(labeler.losses(whole)) == {"tags", "label"}
    without = fields.encode(records.remove_columns(["tags"])).batch(np.arange(5))
    assert set(labeler.losses(without)) == {"label"}
    torch.testing.assert_close(labeler.losses(without)["label"], labeler.losses(whole)["label"])


def test_a_column_that_the_model_reads_is_asked_for() -> None:
    labeler, fields = model(MODELS["crf"])
    records = labelled_columns().records.select_columns(["tags"])
    with pytest.raises(DataError, match=r"no column 'tokens', which the model reads"):
        labeler(fields.encode(records).batch(np.arange(2)))


def test_parts_that_read_the_same_share_their_field() -> None:
    labeler, fields = model(MODELS["both"])
    parts = labeler.embedding.parts
    assert len(list(fields)) == 8
    assert all(part.field is fields.by_key[part.field.key] for part in parts.values())
    assert all(head.target is fields.by_key[head.target.key] for head in labeler.heads.values())


def test_widths_fit_each_other() -> None:
    labeler, _ = model(["head=[sequence]", "heads.label.pooling=last", "encoder.is_bidirectional=false"])
    assert labeler.embedding.output_width == 16
    assert labeler.heads["label"].scores.projection.in_features == labeler.encoder.summary_width == 8


def test_a_model_without_heads_is_refused() -> None:
    config = settings_of(["head=[]"])
    fields = Fields.from_config({key: config[key] for key in MODEL_KEYS}, targets=known_targets())
    fields.fit(labelled_columns().records)
    with pytest.raises(ConfigError, match=r"heads is empty; choose at least one, as in head=crf"):
        build_labeler(config, fields=fields, targets=known_targets())


@pytest.mark.parametrize("name", ["output_width", "summary_width"])
def test_an_encoder_that_misstates_a_width_is_refused(name: str) -> None:
    labeler, fields = model(["head=[softmax]"])
    setattr(labeler.encoder, name, 7)
    message = f"encoder gives vectors of 16 features; expected 7, the {name} of RecurrentEncoder; correct that"
    with pytest.raises(ConfigError, match=message):
        labeler(encode(fields, [["Ada", "saw"]]).batch(np.arange(1)))
