"""What a run is asked for, and what it leaves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch
from safetensors.torch import load_file

from seqlab.errors import ConfigError
from seqlab.functional.native.compiler import find_compiler
from seqlab.testing.runs import SENTENCES, train_small
from seqlab.training.train import Run, train

JsonOf: TypeAlias = Callable[[Path], Any]


def test_overrides_are_a_list() -> None:
    with pytest.raises(ConfigError, match=r"overrides is 'experiment=demo'; expected a list of them: \['experiment=demo'\]"):
        train("experiment=demo")


def test_a_run_leaves_its_files(finished: Run) -> None:
    files = {path.relative_to(finished.folder).as_posix() for path in finished.folder.rglob("*") if path.is_file()}
    assert {
        "config.yaml",
        "environment.json",
        "metrics.json",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "predictions/test.jsonl",
        "model/bundle.json",
        "model/weights.safetensors",
        "model/README.md",
    } <= files


def test_the_environment_names_the_compiler_and_the_kernels_that_ran(json_of: JsonOf, finished: Run) -> None:
    environment = json_of(finished.folder / "environment.json")
    compiler = find_compiler()
    assert environment["c_compiler"]["compiler"] == compiler
    ran = environment["kernels"]["CRFs"]
    assert ran.startswith("compiled: -O3") if compiler else ran == "PyTorch: no C compiler found"


def test_metrics_are_those_of_the_run(json_of: JsonOf, finished: Run) -> None:
    metrics = json_of(finished.folder / "metrics.json")
    assert metrics["val"] == json.loads(json.dumps(finished.metrics["val"]))
    assert set(metrics["test"]) == {"tags", "label"}
    assert metrics["training"]["epochs"] == 2
    assert metrics["training"]["best"] == finished.monitored == pytest.approx(metrics["val"]["tags"]["span_f1"]["strict"])


def test_predictions_have_a_label_for_every_step_in_order(finished: Run) -> None:
    lines = [json.loads(line) for line in (finished.folder / "predictions" / "test.jsonl").read_text("utf-8").splitlines()]
    assert [line["tokens"] for line in lines] == [tokens for tokens, _, _ in SENTENCES[2:]]
    for line in lines:
        tags = line["predictions"]["tags"]
        assert len(tags["labels"]) == len(tags["confidences"]) == len(line["tokens"])
        assert len(line["predictions"]["label"]["labels"]) == 1


def test_weights_of_the_model_are_those_of_the_best_checkpoint_and_its_temperatures_fitted(finished: Run) -> None:
    best = torch.load(finished.folder / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    for name, tensor in load_file(finished.model / "weights.safetensors").items():
        is_same = torch.equal(best[f"labeler.{name}"], tensor)
        assert is_same != name.endswith("temperature.value"), name


def test_the_config_in_the_run_folder_is_resolved(finished: Run) -> None:
    text = (finished.folder / "config.yaml").read_text(encoding="utf-8")
    assert "${" not in text
    assert f"run_dir: {finished.folder}" in text


def test_without_test_split_only_val_is_scored(data: Path, tmp_path: Path) -> None:
    run = train_small(data, tmp_path / "run", ["data.splits.test=null", "trainer.max_epochs=1"])
    assert set(run.metrics) == {"val"}


def test_without_val_split_a_share_of_train_is_held_out(data: Path, tmp_path: Path) -> None:
    run = train_small(data, tmp_path / "run", ["data.splits.val=null", "data.holdout=0.3", "trainer.max_epochs=1"])
    assert set(run.metrics) == {"val", "test"}
    assert "holdout: 0.3" in (run.folder / "config.yaml").read_text(encoding="utf-8")
