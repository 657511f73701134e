"""Models that start from others: places of words and labels are matched by name, for every head and embedding."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.numpy import load_file
from torch import Tensor

from seqlab.config.build import known_targets
from seqlab.config.compose import MODEL_GROUPS
from seqlab.data.fields import CategoryField, TagField
from seqlab.data.fields.registry import Fields
from seqlab.errors import BundleError, ConfigError
from seqlab.inference import Tagger
from seqlab.model.bundle import Bundle, load_bundle
from seqlab.model.labeler import build_labeler
from seqlab.model.transfer import Transfer, transfer
from seqlab.testing.runs import train_small, write_corpus

MODELS = Path(__file__).resolve().parents[1] / "fixtures" / "version_0_1_0" / "models"
COUNTED = {"hmm"}
"""Heads whose tables are counted anew."""
Change = Callable[[dict[str, Any], Mapping[str, Any]], object]


def started(folder: Path, change: Change) -> tuple[Bundle, Bundle, Transfer]:
    """Return a bundle, a model that starts from it with changed state of its fields, and the report."""
    before = load_bundle(folder)
    content = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    for state in content["fields"].values():
        change(state, content["config"])
    targets = known_targets(MODEL_GROUPS)
    fields = Fields.from_config(content["config"], targets=targets)
    arrays = folder / "arrays.safetensors"
    fields.restore(content["fields"], load_file(arrays) if arrays.exists() else {})
    labeler = build_labeler(content["config"], fields=fields, targets=targets)
    report = transfer(labeler, before.labeler)
    return before, Bundle(labeler.eval(), fields, before.facts, before.encoder_keys), report


def reverse(state: dict[str, Any], config: Mapping[str, Any]) -> None:
    """Put words and labels into another order; vectors of a file are in the order of their words, and stay."""
    for name in ("tags", "labels", *(["items", "counts"] if "counts" in state else [])):
        if isinstance(state.get(name), list):
            state[name].reverse()


def temperatures(bundle: Bundle) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in bundle.labeler.state_dict().items() if name.endswith("temperature.value")}


@pytest.mark.parametrize("name", sorted({path.name for path in MODELS.iterdir()} - COUNTED))
def test_another_order_of_words_and_labels_changes_nothing(name: str) -> None:
    folder = MODELS / name
    before, after, report = started(folder / "model", reverse)
    assert all(float(value) == 1.0 for value in temperatures(after).values())
    after.labeler.load_state_dict(temperatures(before), strict=False)
    inputs = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["inputs"]
    expected, found = (Tagger(bundle).predict(inputs) for bundle in (before, after))
    for one, other in zip(expected, found, strict=True):
        for head, prediction in one.predictions.items():
            assert other.predictions[head].labels == prediction.labels
            assert other.predictions[head].confidences == pytest.approx(prediction.confidences, abs=1e-5)
    assert not report.dropped


def test_heads_that_declare_no_places_are_taken_with_equal_labels_only() -> None:
    _, _, report = started(MODELS / "hmm" / "model", lambda state, config: None)
    assert "heads.tags.emissions" in report.taken
    with pytest.raises(ConfigError, match="init_from: this model has no tensor of that one; use the same embedding"):
        started(MODELS / "hmm" / "model", reverse)


def test_labels_and_words_come_and_go() -> None:
    def change(state: dict[str, Any], config: Mapping[str, Any]) -> None:
        if "tags" in state:
            gone = state["tags"][-1]
            state["tags"] = [*state["tags"][:-1], "NEW"]
            assert gone not in state["tags"]
        if "counts" in state:
            state["items"], state["counts"] = ["newword", *state["items"]], [1, *state["counts"]]

    before, after, report = started(MODELS / "softmax" / "model", change)
    old, new = before.labeler.state_dict(), after.labeler.state_dict()
    n = len(old["heads.tags.projection.bias"])
    torch.testing.assert_close(new["heads.tags.projection.weight"][:-1], old["heads.tags.projection.weight"][:-1])
    assert not torch.equal(new["heads.tags.projection.weight"][-1], old["heads.tags.projection.weight"][-1])
    said = report.fitted["heads.tags.projection.bias"]
    assert said.startswith(f"{n - 1} kept, 1 added (NEW), 1 dropped (")
    words = next(name for name in new if name.endswith("words.table.weight"))
    assert torch.equal(new[words][2], old[words][1])  # a new word starts as an unknown one
    assert torch.equal(new[words][3:], old[words][2:])
    assert report.fitted[words] == f"{len(old[words])} kept, 1 added (newword)"


def test_features_of_the_encoder_are_matched_by_the_part_of_the_embedding() -> None:
    before = load_bundle(MODELS / "crf" / "model")
    content = json.loads((MODELS / "crf" / "model" / "bundle.json").read_text(encoding="utf-8"))
    parts = content["config"]["embedding"]["parts"]
    added = {"_target_": "seqlab.embeddings.CategoryEmbedding", "width": 3, "unknown_alpha": 0.0}
    added["field"] = {"_target_": "seqlab.data.fields.CategoryField", "column": "tokens", "view": "shape", "min_count": 1}
    content["config"]["embedding"]["parts"] = {"added": added, **parts}
    targets = known_targets(MODEL_GROUPS)
    fields = Fields.from_config(content["config"], targets=targets)
    for key, field in fields.by_key.items():
        field.restore(content["fields"].get(key, {"items": ["xx"], "counts": [1]}), {})
    labeler = build_labeler(content["config"], fields=fields, targets=targets)
    report = transfer(labeler, before.labeler)
    changed = [name for name, what in report.fitted.items() if "3 added (added 0, added 1, added 2)" in what]
    assert changed
    for name in changed:
        assert torch.equal(labeler.state_dict()[name][..., 3:], before.labeler.state_dict()[name])
    assert set(report.new) == {"embedding.parts.added.table.weight", "heads.tags.temperature.value"}
    assert "embedding.parts.added.table.weight: new; the other model has none" in report.report()


@pytest.mark.slow
def test_training_starts_from_a_model_and_resumes_with_its_words(tmp_path: Path) -> None:
    data = write_corpus(tmp_path / "data")
    train_small(data, tmp_path / "first", ["trainer.max_epochs=1"])
    for file in data.rglob("*"):
        if file.name in ("seq.in", "seq.out"):
            changed = file.read_text().replace("Kiel", "Oslo").replace("-LOC", "-CITY").replace("Ada", "Eve")
            file.write_text(changed)
    overrides = [f"init_from={tmp_path / 'first'}", "trainer.max_epochs=2"]
    second = train_small(data, tmp_path / "second", overrides)
    words = Tagger.load(second.model).bundle.fields
    items = next(field.vocabulary.items for field in words if isinstance(field, CategoryField))
    assert {"kiel", "oslo", "ada", "eve"} <= set(items)
    tags = next(field.tags for field in words if isinstance(field, TagField))
    assert "B-CITY" in tags
    assert "B-LOC" not in tags
    sources = [Path(one["name"]).name for one in json.loads((tmp_path / "second" / "lock.json").read_text())["sources"]]
    assert {"bundle.json", "weights.safetensors"} <= set(sources)
    longer = [*overrides[:1], "trainer.max_epochs=3", f"ckpt_path={tmp_path / 'second/checkpoints/last.ckpt'}"]
    third = train_small(data, tmp_path / "third", longer)
    assert Tagger.load(third.model).bundle.fields.state() == words.state()


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    data = write_corpus(tmp_path / "data")
    with pytest.raises(BundleError, match=r"none: no model here; expected a run folder or its `model` folder"):
        train_small(data, tmp_path / "run", [f"init_from={tmp_path / 'none'}"])
    with pytest.raises(ConfigError, match="init_from is 3; expected text"):
        train_small(data, tmp_path / "run", ["init_from=3"])
