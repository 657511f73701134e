"""Checkpoints are scored without training, and refused where they run code or are of something else."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch

from seqlab.errors import ConfigError
from seqlab.testing.runs import train_small, write_corpus
from seqlab.training.train import Run

Weights: TypeAlias = Callable[[Run], bytes]


def test_a_checkpoint_is_scored_without_training(weights: Weights, finished: Run, data: Path, tmp_path: Path) -> None:
    checkpoint = finished.folder / "checkpoints" / "best.ckpt"
    overrides = ["head=[crf,sequence]", "monitor=val/tags/span_f1/strict", "seed=0", "train=false"]
    scored = train_small(data, tmp_path / "scored", [*overrides, f"ckpt_path={checkpoint}"])
    assert scored.metrics == finished.metrics
    assert weights(scored) == weights(finished)


def test_scoring_untrained_weights_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train_small(write_corpus(tmp_path / "data"), tmp_path / "run", ["train=false"])
    assert "evaluating untrained weights" in caplog.text


class Hostile:
    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.sentinel}",)


@pytest.mark.parametrize("is_trained", [True, False])
def test_a_checkpoint_that_would_run_code_is_refused(data: Path, tmp_path: Path, is_trained: bool) -> None:
    checkpoint, sentinel = tmp_path / "hostile.ckpt", tmp_path / "sentinel"
    torch.save({"state_dict": {}, "callbacks": {}, "payload": Hostile(sentinel)}, checkpoint)
    with pytest.raises(ConfigError, match=r"hostile\.ckpt', which is not a checkpoint of seqlab"):
        train_small(data, tmp_path / "run", [f"ckpt_path={checkpoint}", f"train={is_trained}"])
    assert not sentinel.exists()
    torch.load(checkpoint, weights_only=False)
    assert sentinel.exists()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04"])
def test_a_file_that_is_no_checkpoint_is_refused(data: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other.ckpt").write_bytes(content)
    with pytest.raises(ConfigError, match=r"other\.ckpt', which is not a checkpoint of seqlab"):
        train_small(data, tmp_path / "run", [f"ckpt_path={tmp_path / 'other.ckpt'}"])


def test_a_checkpoint_of_another_model_is_refused(finished: Run, data: Path, tmp_path: Path) -> None:
    checkpoint = finished.folder / "checkpoints" / "last.ckpt"
    overrides = ["head=[crf,sequence]", "monitor=val/tags/span_f1/strict", "encoder.width=6"]
    with pytest.raises(ConfigError, match=r"last\.ckpt'?.* another model: .* is .* there and .* here"):
        train_small(data, tmp_path / "run", [*overrides, f"ckpt_path={checkpoint}"])
