"""Whole runs on a tiny corpus: what they leave, and that they can be had again bit for bit."""

import csv
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from seqlab.errors import ConfigError
from seqlab.module import LabelerModule
from seqlab.testing.runs import SENTENCES, SMALL, train_small, write_corpus
from seqlab.training import Run, train

DROPOUT = ["+embedding.dropout.step=0.1", "encoder.depth=2", "encoder.drop_prob=0.3"]
"""Every part that draws random numbers."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "data")


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    overrides = ["head=[crf,sequence]", "monitor=val/tags/span_f1/strict", "seed=0"]
    return train_small(data, tmp_path_factory.mktemp("run"), overrides)


def weights(run: Run) -> bytes:
    return (run.model / "weights.safetensors").read_bytes()


def json_of(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def logged(run: Run, name: str) -> list[float]:
    """What the CSV logger wrote under `name`, epoch by epoch."""
    with next((run.folder / "csv").rglob("metrics.csv")).open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]


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


def test_metrics_are_those_of_the_run(finished: Run) -> None:
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


def test_seed_zero_is_a_seed(finished: Run, data: Path, tmp_path: Path) -> None:
    overrides = ["head=[crf,sequence]", "monitor=val/tags/span_f1/strict"]
    again = train_small(data, tmp_path / "again", [*overrides, "seed=0"])
    other = train_small(data, tmp_path / "other", [*overrides, "seed=1"])
    assert json_of(finished.model / "bundle.json")["facts"]["seed"] == 0
    assert weights(again) == weights(finished)
    assert json_of(again.folder / "metrics.json") == json_of(finished.folder / "metrics.json")
    predictions = [(run.folder / "predictions" / "test.jsonl").read_bytes() for run in (again, finished)]
    assert predictions[0] == predictions[1]
    assert logged(again, "train/loss") == logged(finished, "train/loss")
    assert weights(other) != weights(finished)


def test_what_ran_before_in_the_process_changes_nothing(finished: Run, data: Path, tmp_path: Path) -> None:
    torch.manual_seed(1234)
    torch.rand(17)
    overrides = ["head=[crf,sequence]", "monitor=val/tags/span_f1/strict", "seed=0"]
    assert weights(train_small(data, tmp_path / "run", overrides)) == weights(finished)


class Killed(BaseException):
    """What happens to a process in the middle of an epoch."""


def killed_in(epoch: int, *, monkeypatch: pytest.MonkeyPatch, kill: Callable[[], None]) -> None:
    """Make training break off at the second batch of `epoch`."""
    step = LabelerModule.training_step

    def training_step(self: LabelerModule, batch: Any, batch_idx: int) -> Any:
        if self.current_epoch == epoch and batch_idx == 1:
            kill()
        return step(self, batch, batch_idx)

    monkeypatch.setattr(LabelerModule, "training_step", training_step)


def die() -> None:
    raise Killed


RESUMED = {
    "plain": DROPOUT,
    "plateau": [*DROPOUT, "scheduler=plateau", "scheduler.factory.patience=0"],
    "warmup": [*DROPOUT, "scheduler=warmup_cosine"],
    "averaged weights": [*DROPOUT, "callbacks=[default,ema]"],
    "softmax and momentum": [*DROPOUT, "head=[softmax]", "optimizer=sgd_momentum"],
}


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param(overrides, id=name, marks=[] if name == "plain" else pytest.mark.slow)
        for name, overrides in RESUMED.items()
    ],
)
@pytest.mark.parametrize("is_same_folder", [True, False], ids=["same folder", "new folder"])
def test_a_run_killed_and_resumed_equals_the_unbroken_one(
    data: Path, tmp_path: Path, overrides: list[str], is_same_folder: bool
) -> None:
    overrides = [*overrides, "trainer.max_epochs=4", "seed=3"]
    unbroken = train_small(data, tmp_path / "unbroken", overrides)
    with pytest.MonkeyPatch.context() as monkeypatch:
        killed_in(2, monkeypatch=monkeypatch, kill=die)
        with pytest.raises(Killed, match=r"^$"):
            train_small(data, tmp_path / "killed", overrides)
    assert not (tmp_path / "killed" / "metrics.json").exists()
    checkpoint = tmp_path / "killed" / "checkpoints" / "last.ckpt"
    torch.manual_seed(77)
    folder = tmp_path / ("killed" if is_same_folder else "resumed")
    resumed = train_small(data, folder, [*overrides, f"ckpt_path={checkpoint}"])

    last = [torch.load(f / "checkpoints" / "last.ckpt", weights_only=True) for f in (folder, unbroken.folder)]
    for name, tensor in last[1]["state_dict"].items():
        assert torch.equal(last[0]["state_dict"][name], tensor), f"{name} differs after the last epoch"
    assert (last[0]["epoch"], last[0]["global_step"]) == (last[1]["epoch"], last[1]["global_step"])
    assert logged(resumed, "train/loss")[-2:] == logged(unbroken, "train/loss")[-2:]
    assert json_of(resumed.folder / "metrics.json") == json_of(unbroken.folder / "metrics.json")
    assert weights(resumed) == weights(unbroken)
    predictions = [(run.folder / "predictions" / "test.jsonl").read_bytes() for run in (resumed, unbroken)]
    assert predictions[0] == predictions[1]


@pytest.mark.slow
def test_a_process_that_dies_leaves_a_checkpoint_to_go_on_from(data: Path, tmp_path: Path) -> None:
    overrides = [*SMALL, *DROPOUT, f"data.dir={data}", "trainer.max_epochs=4", "seed=3"]
    script = f"""
import os, sys
from seqlab.module import LabelerModule
from seqlab.training import train
step = LabelerModule.training_step
def training_step(self, batch, batch_idx):
    if self.current_epoch == 2 and batch_idx == 1:
        os._exit(9)
    return step(self, batch, batch_idx)
LabelerModule.training_step = training_step
train({[*overrides, f"hydra.run.dir={tmp_path / 'killed'}"]!r})
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    died = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=False, text=True)
    assert died.returncode == 9, died.stderr
    checkpoint = tmp_path / "killed" / "checkpoints" / "last.ckpt"
    resumed = train([*overrides, f"hydra.run.dir={tmp_path / 'killed'}", f"ckpt_path={checkpoint}"])
    unbroken = train([*overrides, f"hydra.run.dir={tmp_path / 'unbroken'}"])
    assert weights(resumed) == weights(unbroken)
    assert json_of(resumed.folder / "metrics.json") == json_of(unbroken.folder / "metrics.json")


def test_a_checkpoint_is_scored_without_training(finished: Run, data: Path, tmp_path: Path) -> None:
    checkpoint = finished.folder / "checkpoints" / "best.ckpt"
    overrides = ["head=[crf,sequence]", "monitor=val/tags/span_f1/strict", "seed=0", "train=false"]
    scored = train_small(data, tmp_path / "scored", [*overrides, f"ckpt_path={checkpoint}"])
    assert scored.metrics == finished.metrics
    assert weights(scored) == weights(finished)


class Hostile:
    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.sentinel}",)


@pytest.mark.parametrize("is_trained", [True, False])
def test_a_checkpoint_that_would_run_code_is_refused(data: Path, tmp_path: Path, is_trained: bool) -> None:
    checkpoint, sentinel = tmp_path / "hostile.ckpt", tmp_path / "sentinel"
    torch.save({"state_dict": {}, "callbacks": {}, "payload": Hostile(sentinel)}, checkpoint)
    with pytest.raises(ConfigError, match=r"hostile\.ckpt', which is no checkpoint of seqlab"):
        train_small(data, tmp_path / "run", [f"ckpt_path={checkpoint}", f"train={is_trained}"])
    assert not sentinel.exists()
    torch.load(checkpoint, weights_only=False)
    assert sentinel.exists()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04"])
def test_a_file_that_is_no_checkpoint_is_refused(data: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other.ckpt").write_bytes(content)
    with pytest.raises(ConfigError, match=r"other\.ckpt', which is no checkpoint of seqlab"):
        train_small(data, tmp_path / "run", [f"ckpt_path={tmp_path / 'other.ckpt'}"])


def test_a_checkpoint_of_another_model_is_told(finished: Run, data: Path, tmp_path: Path) -> None:
    checkpoint = finished.folder / "checkpoints" / "last.ckpt"
    overrides = ["head=[crf,sequence]", "monitor=val/tags/span_f1/strict", "encoder.width=6"]
    with pytest.raises(ConfigError, match=r"last\.ckpt'?.* another model: .* is .* there and .* here"):
        train_small(data, tmp_path / "run", [*overrides, f"ckpt_path={checkpoint}"])


def test_a_run_resumed_elsewhere_keeps_the_best_model_of_the_first(data: Path, tmp_path: Path) -> None:
    """The second epoch is so bad that the first one's model stays the best."""
    first = train_small(data, tmp_path / "first", ["trainer.max_epochs=1", "optimizer.lr=0.05"])
    moved = tmp_path / "moved"
    first.folder.rename(moved)
    checkpoint = torch.load(moved / "checkpoints" / "last.ckpt", weights_only=True)
    (state,) = [s for s in checkpoint["callbacks"].values() if s.get("monitor") and "best_k_models" in s]
    state["best_model_score"] = torch.tensor(2.0)
    state["best_k_models"] = dict.fromkeys(state["best_k_models"], torch.tensor(2.0))
    state["kth_value"] = torch.tensor(2.0)
    torch.save(checkpoint, moved / "checkpoints" / "last.ckpt")
    overrides = ["trainer.max_epochs=3", "optimizer.lr=0.05", f"ckpt_path={moved}/checkpoints/last.ckpt"]
    second = train_small(data, tmp_path / "second", overrides)
    assert second.monitored == 2.0
    assert weights(second) == (moved / "model" / "weights.safetensors").read_bytes()
    assert (tmp_path / "second" / "checkpoints" / "best.ckpt").is_file()


STRANGE = {
    "train": [
        {"tokens": ["Ada", "met", "Kiel"], "tags": ["B-PER", "O", "B-LOC"], "label": "ask", "topics": ["a", "b"]},
        {"tokens": [], "tags": [], "label": "tell", "topics": []},
        {"tokens": ["rain"], "tags": ["O"], "label": "tell", "topics": ["b"]},
        {"tokens": ["Ada"], "tags": ["B-PER"], "label": "ask", "topics": []},
    ],
    "dev": [
        {"tokens": [], "tags": [], "label": "shout", "topics": []},
        {"tokens": ["Zürich", "ist", "\U0001f30d"], "tags": ["B-ART", "I-ART", "O"], "label": "shout", "topics": ["c"]},
        {"tokens": ["x" * 200], "tags": ["B-ART"], "label": "sing", "topics": ["c", "a"]},
    ],
    "test": [{"tokens": [], "tags": [], "label": "sing", "topics": []}] * 3,
}
"""Records without steps, with one, and labels that training lacks; each split has some, test nothing else."""


def write_strange(folder: Path) -> Path:
    folder.mkdir()
    for split, records in STRANGE.items():
        lines = (json.dumps({"id": f"{split}-{i}", **record}) for i, record in enumerate(records))
        (folder / f"{split}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "overrides",
    [
        ["head=[crf]"],
        ["head=[softmax]"],
        ["head=[softmax]", "data.scheme=null"],
        ["head=[crf]", "data.scheme=null", "encoder=gru"],
        *(["head=[sequence]", f"heads.label.pooling={pooling}"] for pooling in ("last", "mean", "max", "attention")),
        ["head=[multilabel]", "heads.label.target.column=topics", "+data.reader.columns.topics=topics"],
    ],
    ids=lambda overrides: " ".join(overrides[:2]),
)
def test_strange_records_have_losses_and_scores(tmp_path: Path, overrides: list[str]) -> None:
    run = train_small(
        write_strange(tmp_path / "data"),
        tmp_path / "run",
        ["data=jsonl", "data.scheme=BIO", "monitor=val/loss", "monitor_mode=min", *overrides],
    )
    for name in ("train/loss", "val/loss"):
        losses = logged(run, name)
        assert losses
        assert all(math.isfinite(loss) for loss in losses)
    json.dumps(dict(run.metrics.items()), allow_nan=False)
    lines = (run.folder / "predictions" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3


def test_without_test_split_only_val_is_scored(data: Path, tmp_path: Path) -> None:
    run = train_small(data, tmp_path / "run", ["data.splits.test=null", "trainer.max_epochs=1"])
    assert set(run.metrics) == {"val"}


def test_without_val_split_a_share_of_train_is_held_out(data: Path, tmp_path: Path) -> None:
    run = train_small(data, tmp_path / "run", ["data.splits.val=null", "data.holdout=0.3", "trainer.max_epochs=1"])
    assert set(run.metrics) == {"val", "test"}
    assert "holdout: 0.3" in (run.folder / "config.yaml").read_text(encoding="utf-8")


def test_the_config_in_the_run_folder_is_resolved(finished: Run) -> None:
    text = (finished.folder / "config.yaml").read_text(encoding="utf-8")
    assert "${" not in text
    assert f"run_dir: {finished.folder}" in text


def test_overrides_are_a_list() -> None:
    with pytest.raises(ConfigError, match=r"overrides is 'experiment=demo'; expected a list of them: \['experiment=demo'\]"):
        train("experiment=demo")


def test_a_run_that_had_ended_says_that_nothing_is_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    corpus = write_corpus(tmp_path / "data")
    first = train_small(corpus, tmp_path / "first")
    assert "nothing was left to train" not in caplog.text
    train_small(corpus, tmp_path / "second", [f"ckpt_path={first.folder / 'checkpoints' / 'last.ckpt'}"])
    assert "nothing was left to train" in caplog.text
    assert "raise trainer.max_epochs" in caplog.text


def test_scoring_what_was_never_trained_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train_small(write_corpus(tmp_path / "data"), tmp_path / "run", ["train=false"])
    assert "weights that were never trained" in caplog.text
