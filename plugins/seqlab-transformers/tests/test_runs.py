"""Training runs with a transformer, and bundles that no longer need its folder."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from seqlab_transformers import TransformerEmbedding

import seqlab
from seqlab.config.compose import compose, plain
from seqlab.errors import BundleError, ConfigError
from seqlab.testing.runs import change_bundle, train_small, write_corpus

pytestmark = pytest.mark.slow

ModelFolder = Callable[[str], Path]
TEXTS = ["Ada Lovelace met Kiel .", "", "it rained " * 40, ["\u200b", "[SEP]", "Ærø"]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "data")


def overrides(folder: Path, *more: str) -> list[str]:
    part = "embedding.parts.transformer"
    return ["embedding=[transformer]", f"{part}.field.name={folder}", f"{part}.field.overlap=8", *more]


def train(data: Path, folder: Path, given: Sequence[str]) -> seqlab.Run:
    """Train the smallest model with a transformer."""
    small = ["data=lines", "data.scheme=BIO", "encoder.width=8", "max_tokens=12", "trainer.max_epochs=1", "n_threads=1"]
    return seqlab.train([*small, f"data.dir={data}", f"hydra.run.dir={folder}", *given])


def labels(model: Path) -> list[list[str]]:
    return [record.predictions["tags"].labels for record in seqlab.load(model).predict(TEXTS)]


def confidences(model: Path) -> list[list[float]]:
    return [record.predictions["tags"].confidences for record in seqlab.load(model).predict(TEXTS)]


def weights(model: Path) -> dict[str, torch.Tensor]:
    prefix = "embedding.parts.transformer.model."
    stored = load_file(model / "weights.safetensors")
    return {name.removeprefix(prefix): tensor for name, tensor in stored.items() if name.startswith(prefix)}


@pytest.fixture(scope="module", params=["bert", "roberta", "gpt2", "t5"])
def run(request: pytest.FixtureRequest, model_folder: ModelFolder, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a run with a frozen transformer whose folder has been deleted."""
    home = tmp_path_factory.mktemp(request.param)
    pretrained = shutil.copytree(model_folder(request.param), home / "pretrained")
    found = train(data, home / "run", overrides(pretrained))
    shutil.rmtree(pretrained)
    return found


def test_a_bundle_does_not_need_the_folder(run: seqlab.Run) -> None:
    assert [len(found) for found in labels(run.model)] == [5, 0, 80, 3]
    lines = (run.folder / "predictions" / "test.jsonl").read_text().splitlines()
    for record in map(json.loads, lines):
        (again,) = seqlab.load(run.model).predict([record["tokens"]])
        found, expected = again.predictions["tags"], record["predictions"]["tags"]
        assert found.labels == expected["labels"]
        assert found.confidences == pytest.approx(expected["confidences"], abs=1e-5)


def test_a_bundle_is_json_and_safetensors(run: seqlab.Run) -> None:
    names = {path.name for path in run.model.iterdir()}
    assert names == {"README.md", "arrays.safetensors", "bundle.json", "weights.safetensors"}


def test_a_frozen_model_does_not_change(data: Path, model_folder: ModelFolder, tmp_path: Path) -> None:
    found = weights(train(data, tmp_path / "run", overrides(model_folder("bert"))).model)
    stored = load_file(model_folder("bert") / "model.safetensors")
    assert found
    assert all(torch.equal(tensor, stored[f"bert.{name}"]) for name, tensor in found.items())


def test_a_tuned_model_changes_at_its_own_rate(data: Path, model_folder: ModelFolder, tmp_path: Path) -> None:
    stored = load_file(model_folder("bert") / "model.safetensors")
    moved = {}
    for rate in (0.0, 1e-3):
        group = (
            f'+parameter_groups.pretrained={{parameters:["embedding.parts.transformer.model.*"],lr:{rate},weight_decay:0.0}}'
        )
        given = overrides(model_folder("bert"), "embedding.parts.transformer.is_frozen=false", group)
        found = weights(train(data, tmp_path / str(rate), given).model)
        moved[rate] = sum(float((tensor - stored[f"bert.{name}"]).abs().sum()) for name, tensor in found.items())
    assert moved[0.0] == 0
    assert moved[1e-3] > 0


def test_a_stopped_run_resumes_bit_for_bit(data: Path, model_folder: ModelFolder, tmp_path: Path) -> None:
    given = overrides(model_folder("bert"), "embedding.parts.transformer.is_frozen=false", "calibrate=false")
    whole = train(data, tmp_path / "whole", [*given, "trainer.max_epochs=2"])
    part = train(data, tmp_path / "part", given)
    resumed = train(
        data, tmp_path / "resumed", [*given, "trainer.max_epochs=2", f"ckpt_path={part.folder / 'checkpoints' / 'last.ckpt'}"]
    )
    expected = load_file(whole.folder / "model" / "weights.safetensors")
    for name, tensor in load_file(resumed.model / "weights.safetensors").items():
        assert torch.equal(tensor, expected[name]), name


def test_a_transformer_combines_with_other_embeddings(data: Path, model_folder: ModelFolder, tmp_path: Path) -> None:
    given = overrides(model_folder("roberta"))[1:]
    run = train_small(data, tmp_path / "run", [*given, "embedding=[words,char_cnn,transformer]", "head=[crf,sequence]"])
    parts = seqlab.load(run.model).bundle.labeler.embedding.parts
    assert list(parts) == ["words", "characters", "transformer"]
    assert isinstance(parts["transformer"], TransformerEmbedding)


def test_the_experiment_tunes_a_model(data: Path, model_folder: ModelFolder, tmp_path: Path) -> None:
    given = [word for word in overrides(model_folder("bert")) if not word.startswith("embedding=")]
    options = ["experiment=transformer", "data=lines", "data.scheme=BIO", f"data.dir={data}", "trainer.max_epochs=2"]
    run = seqlab.train([*options, "n_threads=1", f"hydra.run.dir={tmp_path}", *given])
    stored = load_file(model_folder("bert") / "model.safetensors")
    assert not torch.equal(
        weights(run.model)["embeddings.word_embeddings.weight"], stored["bert.embeddings.word_embeddings.weight"]
    )


def test_the_name_of_the_model_must_be_given(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"embedding\.parts\.transformer\.field\.name"):
        train(data, tmp_path, ["embedding=[transformer]"])


def doctored(run: seqlab.Run, folder: Path, **values: Any) -> Path:
    """Return a copy of the bundle with changes to its architecture."""

    def change(content: dict[str, Any]) -> None:
        (key,) = [key for key in content["fields"] if key.startswith("SubwordField")]
        content["fields"][key]["architecture"] |= values

    return change_bundle(run.model, folder, change)


def test_a_bundle_names_no_code(run: seqlab.Run, tmp_path: Path) -> None:
    values = {"auto_map": {"AutoModel": "somebody/code--mine.Model"}, "_attn_implementation": "somebody/kernels"}
    assert confidences(doctored(run, tmp_path / "code", **values)) == confidences(run.model)


def test_a_bundle_of_another_kind_of_model_is_refused(run: seqlab.Run, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"cannot be loaded: .*model_type is 'timm_backbone'"):
        seqlab.load(doctored(run, tmp_path / "kind", model_type="timm_backbone"))


def test_a_bundle_that_lacks_weights_is_refused(run: seqlab.Run, tmp_path: Path) -> None:
    folder = shutil.copytree(run.model, tmp_path / "model")
    stored = load_file(folder / "weights.safetensors")
    first = next(name for name in stored if ".model." in name)
    save_file({name: tensor for name, tensor in stored.items() if name != first}, folder / "weights.safetensors")
    with pytest.raises(BundleError, match="cannot be loaded"):
        seqlab.load(folder)


@pytest.mark.parametrize("option", ["transformer", "distilled"])
def test_experiments_compose(option: str) -> None:
    name = ["embedding.parts.transformer.field.name=n"] if option == "transformer" else ["data.dir=d"]
    settings = plain(compose([f"experiment={option}", *name, "paths.run_dir=."]))
    assert settings["task_name"] == option
    assert settings["heads"]
