"""A run that was killed and resumed ends as one that was not."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch

from seqlab.testing.runs import SMALL, train_small, write_corpus
from seqlab.training.module import LabelerModule
from seqlab.training.train import Run, train

DROPOUT = ["+embedding.dropout.step=0.1", "encoder.depth=2", "encoder.drop_prob=0.3"]
"""Every part that draws random numbers."""
Weights: TypeAlias = Callable[[Run], bytes]
JsonOf: TypeAlias = Callable[[Path], Any]
Logged: TypeAlias = Callable[[Run, str], list[float]]


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
def test_a_run_killed_and_resumed_equals_the_unbroken_one(
    weights: Weights, json_of: JsonOf, logged: Logged, data: Path, tmp_path: Path, overrides: list[str]
) -> None:
    overrides = [*overrides, "trainer.max_epochs=4", "seed=3"]
    unbroken = train_small(data, tmp_path / "unbroken", overrides)
    with pytest.MonkeyPatch.context() as monkeypatch:
        killed_in(2, monkeypatch=monkeypatch, kill=die)
        with pytest.raises(Killed, match=r"^$"):
            train_small(data, tmp_path / "killed", overrides)
    assert not (tmp_path / "killed" / "metrics.json").exists()
    checkpoint = tmp_path / "killed" / "checkpoints" / "last.ckpt"
    for name in ("resumed", "killed"):  # in a new folder, then in the same one
        torch.manual_seed(77)
        resumed = train_small(data, tmp_path / name, [*overrides, f"ckpt_path={checkpoint}"])
        last = [torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True) for run in (resumed, unbroken)]
        for key, tensor in last[1]["state_dict"].items():
            assert torch.equal(last[0]["state_dict"][key], tensor), f"{key} differs after the last epoch"
        assert (last[0]["epoch"], last[0]["global_step"]) == (last[1]["epoch"], last[1]["global_step"])
        assert logged(resumed, "train/loss")[-2:] == logged(unbroken, "train/loss")[-2:]
        assert json_of(resumed.folder / "metrics.json") == json_of(unbroken.folder / "metrics.json")
        assert weights(resumed) == weights(unbroken)
        predictions = [(run.folder / "predictions" / "test.jsonl").read_bytes() for run in (resumed, unbroken)]
        assert predictions[0] == predictions[1]


@pytest.mark.slow
def test_a_process_that_dies_leaves_a_checkpoint_to_go_on_from(
    weights: Weights, json_of: JsonOf, data: Path, tmp_path: Path
) -> None:
    overrides = [*SMALL, *DROPOUT, f"data.dir={data}", "trainer.max_epochs=4", "seed=3"]
    script = f"""
import os, sys
from seqlab.training.module import LabelerModule
from seqlab.training.train import train
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


def test_a_run_resumed_elsewhere_keeps_the_best_model_of_the_first(weights: Weights, data: Path, tmp_path: Path) -> None:
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


def test_a_run_that_had_ended_says_that_nothing_is_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    corpus = write_corpus(tmp_path / "data")
    first = train_small(corpus, tmp_path / "first")
    assert "from a finished run" not in caplog.text
    train_small(corpus, tmp_path / "second", [f"ckpt_path={first.folder / 'checkpoints' / 'last.ckpt'}"])
    assert "from a finished run" in caplog.text
    assert "raise trainer.max_epochs" in caplog.text
