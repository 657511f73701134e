import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from seqlab.bundle import Bundle, find_bundle, load_bundle
from seqlab.data.columns import Columns, string_records
from seqlab.errors import BundleError
from seqlab.testing.runs import train_small, write_corpus
from seqlab.types import Prediction

VECTORS = "ada 1 0 0\nkiel 0 1 0\nzebra 0 0 1\n"
# `zebra` stands in no sentence of the corpus.

HOSTILE = [
    "os.system",
    "os.popen",
    "os.execv",
    "os.spawnl",
    "os.remove",
    "os.rename",
    "os.putenv",
    "os._exit",
    "posix.system",
    "builtins.eval",
    "builtins.exec",
    "builtins.compile",
    "builtins.open",
    "builtins.__import__",
    "builtins.getattr",
    "builtins.print",
    "subprocess.Popen",
    "subprocess.run",
    "subprocess.call",
    "subprocess.check_output",
    "subprocess.getoutput",
    "shutil.rmtree",
    "shutil.move",
    "shutil.copyfile",
    "pathlib.Path",
    "pathlib.Path.write_text",
    "importlib.import_module",
    "runpy.run_path",
    "runpy.run_module",
    "code.interact",
    "pty.spawn",
    "pickle.loads",
    "pickle.load",
    "marshal.loads",
    "ctypes.CDLL",
    "socket.create_connection",
    "urllib.request.urlopen",
    "functools.partial",
    "operator.methodcaller",
    "operator.attrgetter",
    "multiprocessing.Process",
    "threading.Thread",
    "torch.load",
    "torch.hub.load",
    "torch.jit.load",
    "torch.utils.cpp_extension.load",
    "torch.nn.Module",
    "pytorch_lightning.Trainer",
    "pytorch_lightning.loggers.CSVLogger",
    "pytorch_lightning.callbacks.ModelCheckpoint",
    "hydra.utils.instantiate",
    "hydra.utils.call",
    "hydra.utils.get_method",
    "hydra.utils.get_object",
    "numpy.load",
    "datasets.load_dataset",
    "yaml.unsafe_load",
    "seqlab.config.build",
    "seqlab.bundle.load_bundle",
    "seqlab.training.train",
    "seqlab.data.readers.ConllReader",
    "seqlab.embeddings",
    "seqlab.encoders.recurrent.RecurrentEncoder",
    ".os.system",
]

PLACES = {
    "embedding": ("embedding",),
    "embedding part": ("embedding", "parts", "words"),
    "field": ("embedding", "parts", "words", "field"),
    "encoder": ("encoder",),
    "cell of the encoder": ("encoder", "cell"),
    "head": ("heads", "tags"),
    "target of the head": ("heads", "tags", "target"),
    "a plain value": ("encoder", "width"),
}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    vectors = folder / "vectors.txt"
    vectors.write_text(VECTORS, encoding="utf-8")
    data = write_corpus(folder / "data")
    overrides = [f"vectors=[{vectors}]", "embedding=[words,char_cnn,vectors]", "head=[crf,sequence]"]
    run = train_small(data, folder / "run", [*overrides, "monitor=val/tags/span_f1/strict", "trainer.max_epochs=1"])
    vectors.unlink()
    shutil.rmtree(data)
    return run.folder


@pytest.fixture
def model(run_folder: Path, tmp_path: Path) -> Path:
    """A copy of the model that a test may damage."""
    return Path(shutil.copytree(run_folder / "model", tmp_path / "model"))


def test_every_place_is_a_node_of_the_model(model: Path) -> None:
    for place in PLACES.values():
        parent, key = node_at(content_of(model), place)
        assert key in parent


def content_of(model: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((model / "bundle.json").read_text(encoding="utf-8"))
    return content


def rewrite(model: Path, content: object) -> None:
    (model / "bundle.json").write_text(json.dumps(content), encoding="utf-8")


def node_at(content: dict[str, Any], place: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    node = content["config"]
    for key in place[:-1]:
        node = node[key]
    return node, place[-1]


def said(bundle: Bundle, columns: Columns) -> dict[str, list[Prediction]]:
    encoded = bundle.fields.encode(columns.records)
    with torch.inference_mode():
        return bundle.labeler.predict(encoded.batch(np.arange(len(columns))), use_confidences=True)


def test_a_loaded_model_says_what_the_trained_one_said(run_folder: Path) -> None:
    bundle = load_bundle(run_folder)
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


def test_bundle_holds_nothing_but_safetensors_json_and_a_card(model: Path) -> None:
    assert sorted(path.name for path in model.iterdir()) == [
        "README.md",
        "arrays.safetensors",
        "bundle.json",
        "weights.safetensors",
    ]
    assert list(content_of(model)) == ["format", "seqlab_version", "config", "fields", "facts"]


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
        load_bundle(tmp_path)


@pytest.mark.parametrize("format_number", [0, 2, None, "1"])
def test_another_format_is_refused(model: Path, format_number: object) -> None:
    rewrite(model, {**content_of(model), "format": format_number})
    with pytest.raises(BundleError, match=rf"bundle format is {format_number!r}; this seqlab reads format 1"):
        load_bundle(model)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", '"x"', "\udcff"])
def test_damaged_json_is_refused(model: Path, text: str) -> None:
    (model / "bundle.json").write_bytes(text.encode("utf-8", errors="surrogateescape"))
    with pytest.raises(BundleError, match=r"bundle\.json: (not a readable bundle|bundle format is None)"):
        load_bundle(model)


@pytest.mark.parametrize("name", ["weights.safetensors", "arrays.safetensors"])
def test_a_missing_file_is_refused(model: Path, name: str) -> None:
    (model / name).unlink()
    with pytest.raises(BundleError, match=r"cannot be loaded: .*(No such file|lacks).*"):
        load_bundle(model)


@pytest.mark.parametrize("name", ["weights.safetensors", "arrays.safetensors"])
@pytest.mark.parametrize("keep", [0, 4, 60, -7])
def test_a_cut_file_is_refused(model: Path, name: str, keep: int) -> None:
    path = model / name
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BundleError, match=r"made by seqlab .*, cannot be loaded: "):
        load_bundle(model)


@pytest.mark.parametrize("key", ["config", "fields"])
def test_a_missing_key_is_named(model: Path, key: str) -> None:
    content = content_of(model)
    del content[key]
    rewrite(model, content)
    with pytest.raises(BundleError, match=rf"lacks '{key}'"):
        load_bundle(model)


@pytest.mark.parametrize("key", ["embedding", "encoder", "heads"])
@pytest.mark.parametrize("value", [None, [], "x", 3, {}])
def test_a_part_of_another_kind_is_refused(model: Path, key: str, value: object) -> None:
    content = content_of(model)
    content["config"][key] = value
    rewrite(model, content)
    with pytest.raises(BundleError, match=r"cannot be loaded: "):
        load_bundle(model)


@pytest.mark.parametrize("width", [0, -1, "8", 9, 2.5])
def test_a_changed_width_is_refused(model: Path, width: object) -> None:
    content = content_of(model)
    content["config"]["embedding"]["parts"]["words"]["width"] = width
    rewrite(model, content)
    with pytest.raises(BundleError, match=r"cannot be loaded: "):
        load_bundle(model)


def test_weights_of_another_shape_are_refused(model: Path) -> None:
    weights = load_file(model / "weights.safetensors")
    name = "heads.tags.transitions"
    save_file({**weights, name: torch.zeros(2, 2)}, model / "weights.safetensors")
    with pytest.raises(BundleError, match=rf"cannot be loaded: .*{name}"):
        load_bundle(model)


def test_missing_and_surplus_weights_are_refused(model: Path) -> None:
    weights = load_file(model / "weights.safetensors")
    save_file({**weights, "surplus": torch.zeros(1)}, model / "weights.safetensors")
    with pytest.raises(BundleError, match=r"cannot be loaded: .*surplus"):
        load_bundle(model)
    del weights["heads.tags.start"]
    save_file(weights, model / "weights.safetensors")
    with pytest.raises(BundleError, match=r"cannot be loaded: .*heads\.tags\.start"):
        load_bundle(model)


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[Path]:
    """A file that no load may make: every hostile node below would, were it run."""
    path = tmp_path / "sentinel"
    yield path
    assert not path.exists(), "loading ran what the bundle named"


def hostile_node(target: object, sentinel: Path) -> dict[str, Any]:
    code = f"open({str(sentinel)!r}, 'w').close()"
    return {
        "_target_": target,
        "_args_": [f"touch {sentinel}"],
        "_convert_": "all",
        "command": f"touch {sentinel}",
        "args": f"touch {sentinel}",
        "shell": True,
        "source": code,
        "file": str(sentinel),
        "path": str(sentinel),
    }


CASES = [
    *((target, list(PLACES)[i % len(PLACES)]) for i, target in enumerate(HOSTILE)),
    *(("os.system", place) for place in PLACES),
]


@pytest.mark.parametrize(("target", "place"), CASES)
def test_a_hostile_target_is_refused_wherever_it_stands(model: Path, sentinel: Path, target: str, place: str) -> None:
    content = content_of(model)
    parent, key = node_at(content, PLACES[place])
    parent[key] = hostile_node(target, sentinel)
    rewrite(model, content)
    path = re.escape(".".join(PLACES[place]))
    with pytest.raises(BundleError, match=rf"{path}\._target_ is '{re.escape(target)}', which no config file"):
        load_bundle(model)


def test_the_sentinel_tells_when_a_target_runs(sentinel: Path) -> None:
    node = hostile_node("os.system", sentinel)
    assert os.system(node["_args_"][0]) == 0
    assert sentinel.exists()
    sentinel.unlink()


@pytest.mark.parametrize("target", [None, 3, ["os.system"], {"_target_": "os.system"}, ""])
def test_a_target_that_is_no_name_is_refused(model: Path, target: object) -> None:
    content = content_of(model)
    content["config"]["encoder"]["_target_"] = target
    rewrite(model, content)
    with pytest.raises(BundleError, match=r"cannot be loaded: "):
        load_bundle(model)


def test_a_known_target_in_the_wrong_place_is_refused(model: Path) -> None:
    content = content_of(model)
    content["config"]["encoder"] = content["config"]["heads"]["tags"]
    rewrite(model, content)
    with pytest.raises(BundleError, match=r"cannot be loaded: "):
        load_bundle(model)


def test_interpolations_in_values_are_not_resolved(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "tokens")
    content = content_of(model)
    content["facts"]["note"] = "${oc.env:SECRET}"
    content["config"]["embedding"]["parts"]["vectors"]["field"]["paths"] = ["${oc.env:SECRET}"]
    rewrite(model, content)
    with pytest.raises(BundleError, match=r"lacks .*\$\{oc\.env:SECRET\}"):
        load_bundle(model)


def test_an_interpolation_does_not_choose_a_column(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "tokens")
    text = (model / "bundle.json").read_text(encoding="utf-8")
    literal = text.replace('"column": "tokens"', '"column": "${oc.env:SECRET}"')
    literal = literal.replace("column='tokens'", "column='${oc.env:SECRET}'")
    (model / "bundle.json").write_text(literal, encoding="utf-8")
    bundle = load_bundle(model)
    assert {field.column for field in bundle.fields} == {"${oc.env:SECRET}", "tags", "label"}
