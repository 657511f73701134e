"""A loaded model says what the trained one said, wherever its bundle is and with nothing else beside it."""

import json
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from seqlab.data.columns import Columns, string_records
from seqlab.errors import BundleError
from seqlab.model.bundle import Bundle, load_bundle
from seqlab.runs.find_model import find_bundle
from seqlab.testing.runs import train_small, write_corpus
from seqlab.types import Prediction

Content: TypeAlias = dict[str, Any]


def said(bundle: Bundle, columns: Columns) -> dict[str, list[Prediction]]:
    encoded = bundle.fields.encode(columns.records)
    with torch.inference_mode():
        return bundle.labeler.predict(encoded.batch(np.arange(len(columns))), use_confidences=True)


def test_a_loaded_model_says_what_the_trained_one_said(run_folder: Path) -> None:
    bundle = load_bundle(find_bundle(run_folder))
    lines = [json.loads(line) for line in (run_folder / "predictions" / "test.jsonl").read_text("utf-8").splitlines()]
    columns = string_records({"tokens": [line["tokens"] for line in lines]})
    found = said(bundle, columns)
    assert set(found) == {"tags", "label"}
    for name, predictions in found.items():
        assert [p.labels for p in predictions] == [line["predictions"][name]["labels"] for line in lines]
        for prediction, line in zip(predictions, lines, strict=True):
            assert prediction.confidences == pytest.approx(line["predictions"][name]["confidences"], abs=1e-5)


def test_a_moved_bundle_needs_neither_the_run_nor_its_files(model: Path) -> None:
    predictions = said(load_bundle(model), string_records({"tokens": [["Ada", "met", "the", "zebra"], []]}))
    assert [len(prediction.labels) for prediction in predictions["tags"]] == [4, 0]


def test_bundle_holds_nothing_but_safetensors_json_and_a_card(model: Path, content: Content) -> None:
    assert sorted(path.name for path in model.iterdir()) == [
        "README.md",
        "arrays.safetensors",
        "bundle.json",
        "weights.safetensors",
    ]
    assert list(content) == ["format", "seqlab_version", "config", "fields", "facts", "sha256"]


def test_a_model_without_arrays_has_no_file_of_them(tmp_path: Path) -> None:
    run = train_small(write_corpus(tmp_path / "data"), tmp_path / "run", ["trainer.max_epochs=1"])
    assert not (run.model / "arrays.safetensors").exists()
    assert load_bundle(run.model).labeler


def test_loaded_labeler_is_in_evaluation_mode(model: Path) -> None:
    assert not any(module.training for module in load_bundle(model).labeler.modules())


def test_frozen_vectors_are_stored_once(run_folder: Path) -> None:
    weights = load_file(run_folder / "model" / "weights.safetensors")
    arrays = load_file(run_folder / "model" / "arrays.safetensors")
    assert [tuple(array.shape) for array in arrays.values()] == [(5, 3)]
    assert not [name for name, tensor in weights.items() if tensor.shape == (5, 3)]
    checkpoint = torch.load(run_folder / "checkpoints" / "best.ckpt", weights_only=True)
    assert not [name for name in checkpoint["state_dict"] if "matrix" in name]
    assert [name for name in checkpoint["state_dict"] if "vectors" in name] == ["labeler.embedding.parts.vectors.unknown"]


def test_words_that_only_the_vector_file_knows_keep_their_vectors(model: Path) -> None:
    bundle = load_bundle(model)
    vectors = bundle.labeler.embedding.parts["vectors"]
    encoded = bundle.fields.encode(string_records({"tokens": [["zebra", "ada", "unheard"]]}).records)
    batch = encoded.batch(np.asarray([0]))
    values = vectors(batch)[0]
    scale = vectors.scale
    torch.testing.assert_close(values[0], torch.tensor([0.0, 0.0, 1.0]) * scale)
    torch.testing.assert_close(values[1], torch.tensor([1.0, 0.0, 0.0]) * scale)
    torch.testing.assert_close(values[2], vectors.unknown)


def test_find_bundle_takes_the_run_and_the_model(run_folder: Path) -> None:
    assert find_bundle(run_folder) == find_bundle(run_folder / "model") == run_folder / "model"


def test_a_folder_without_a_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=rf"{tmp_path}: no model here"):
        find_bundle(tmp_path)
