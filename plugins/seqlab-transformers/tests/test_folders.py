"""Which model folders can be read and which are refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from seqlab_transformers.architecture import new_encoder, position_limit, read_architecture
from seqlab_transformers.folders import find_folder
from seqlab_transformers.tokenizer import read_tokenizer
from seqlab_transformers.weights import load_encoder

from seqlab.errors import ConfigError

ModelFolder = Callable[[str], Path]


@pytest.fixture
def folder(model_folder: ModelFolder, tmp_path: Path) -> Path:
    """Return a copy of a model's folder that the test may damage."""
    return shutil.copytree(model_folder("bert"), tmp_path / "model")


def change_config(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def load(folder: Path) -> torch.nn.Module:
    return load_encoder(folder, read_architecture(folder / "config.json"))


def test_weights_are_those_of_the_file_in_float32(folder: Path) -> None:
    stored = load_file(folder / "model.safetensors")
    save_file({name: tensor.half() for name, tensor in stored.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    loaded = dict(load(folder).named_parameters())
    assert {parameter.dtype for parameter in loaded.values()} == {torch.float32}
    for name, parameter in loaded.items():
        assert torch.equal(parameter, stored[f"bert.{name}"].half().float())


def test_weights_in_several_files_are_one_model(folder: Path, model_folder: ModelFolder) -> None:
    stored = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(stored)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, own in parts.items():
        save_file({name: stored[name] for name in own}, folder / file, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: file for file, own in parts.items() for name in own}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    expected = load(model_folder("bert")).state_dict()
    for name, tensor in load(folder).state_dict().items():
        assert torch.equal(tensor, expected[name])


def test_pickled_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ConfigError, match=r"no model\.safetensors, but pytorch_model\.bin; seqlab reads only safetensors"):
        load(folder)


def test_pickled_weights_behind_an_index_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": "pytorch_model.bin"}}))
    with pytest.raises(
        ConfigError, match=r"index\.json: names pytorch_model\.bin; expected safetensors files in the same folder"
    ):
        load(folder)


def test_an_adapter_is_refused(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ConfigError, match="an adapter for another model; merge it into that model first"):
        load(folder)


def test_missing_weights_are_named(folder: Path) -> None:
    stored = load_file(folder / "model.safetensors")
    del stored["bert.encoder.layer.1.output.dense.weight"]
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ConfigError, match=r"1 weights are missing, such as encoder\.layer\.1\.output\.dense\.weight;"):
        load(folder)


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    change_config(folder, intermediate_size=16)
    with pytest.raises(ConfigError, match="cannot read the weights"):
        load(folder)


def test_damaged_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"not safe at all")
    with pytest.raises(ConfigError, match="cannot read the weights"):
        load(folder)


@pytest.mark.parametrize("kind", ["timm_backbone", "vit", "yoso", "of_my_own", None])
def test_models_other_than_text_models_are_refused(folder: Path, kind: str | None) -> None:
    change_config(folder, model_type=kind)
    with pytest.raises(ConfigError, match=rf"config\.json: model_type is {kind!r}; expected a single text model"):
        read_architecture(folder / "config.json")


def test_a_composed_model_is_refused(folder: Path) -> None:
    change_config(folder, backbone_config={"model_type": "timm_backbone"})
    with pytest.raises(ConfigError, match="model_type is 'bert', composed of several models"):
        read_architecture(folder / "config.json")


def test_values_that_transformers_rejects_are_refused(folder: Path) -> None:
    change_config(folder, hidden_size=25)
    with pytest.raises(ConfigError, match=r"transformers (rejects|cannot build) this bert"):
        new_encoder(read_architecture(folder / "config.json"))


def test_code_and_files_named_by_a_configuration_are_ignored(folder: Path) -> None:
    (folder / "mine.py").write_text("raise SystemExit('run')\n")
    expected = read_architecture(folder / "config.json")
    change_config(
        folder,
        auto_map={"AutoModel": "mine.Model", "AutoConfig": "mine.Config"},
        _attn_implementation="somebody/kernels",
        attn_implementation="somebody/kernels",
        transformers_weights="pytorch_model.bin",
        quantization_config={"quant_method": "bitsandbytes"},
    )
    assert read_architecture(folder / "config.json") == expected
    assert load(folder)


@pytest.mark.parametrize("content", ["{", "[]", ""])
def test_an_invalid_configuration_file_is_refused(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content)
    with pytest.raises(
        ConfigError, match=r"config\.json: not (readable|an object).*expected the configuration of a transformers model"
    ):
        read_architecture(folder / "config.json")


def test_positions_of_a_text_start_after_that_of_padding(model_folder: ModelFolder) -> None:
    architecture = read_architecture(model_folder("roberta") / "config.json")
    assert (architecture["max_position_embeddings"], position_limit(architecture)) == (34, 32)
    model = new_encoder(architecture).eval()
    assert model(input_ids=torch.full((1, 32), 5)).last_hidden_state.isfinite().all()
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=torch.full((1, 33), 5))


def test_a_folder_without_a_tokenizer_is_refused(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(ConfigError, match=r"model: no tokenizer; expected a tokenizer\.json"):
        read_tokenizer(folder)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ConfigError, match="cannot read the tokenizer"):
        read_tokenizer(folder)


@pytest.mark.parametrize(("name", "problem"), [("nowhere", "does not exist"), ("empty", r"has no config\.json")])
def test_a_folder_without_a_model_is_refused(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=rf"field\.name is '{tmp_path / name}', a folder that {problem}"):
        find_folder(str(tmp_path / name), revision=None)


@pytest.mark.parametrize("name", ["somebody/some-model", "no such model"])
def test_an_unavailable_model_of_the_hub_is_reported(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=rf"field\.name is '{name}': no such folder.*expected a folder with config\.json"):
        find_folder(name, revision=None)


def test_a_model_of_the_hub_is_read_from_the_cache(
    model_folder: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    home, commit = tmp_path / "models--somebody--some-model", "0" * 40
    snapshot = shutil.copytree(model_folder("bert"), home / "snapshots" / commit)
    for name in ("main", "older"):
        (home / "refs").mkdir(exist_ok=True)
        (home / "refs" / name).write_text(commit)
    for revision in (None, "older", commit):
        found = find_folder("somebody/some-model", revision=revision)
        assert found.resolve() == snapshot.resolve()
        assert load(found)
    with pytest.raises(ConfigError, match="no such model in the hub's cache or on the hub"):
        find_folder("somebody/some-model", revision="newer")
