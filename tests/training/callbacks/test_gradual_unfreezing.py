"""Gradual unfreezing: what learns in which epoch, resumed runs, and mistakes."""

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

import seqlab
from seqlab.errors import ConfigError
from seqlab.testing.runs import SMALL, train_small, write_corpus
from seqlab.training.callbacks import GradualUnfreezing

QUIET = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}


class Snapshots(pl.Callback):
    """Keeps the weights after each epoch."""

    def __init__(self) -> None:
        self.weights: list[dict[str, Tensor]] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.weights.append({name: parameter.detach().clone() for name, parameter in pl_module.labeler.named_parameters()})


def fitted(data: Path, callback: GradualUnfreezing, *, n_epochs: int) -> list[set[str]]:
    """Return the top-level parts that changed in each epoch."""
    parts = seqlab.training_parts([*SMALL, f"data.dir={data}"])
    snapshots = Snapshots()
    before = {name: parameter.detach().clone() for name, parameter in parts.module.labeler.named_parameters()}
    trainer = pl.Trainer(max_epochs=n_epochs, accelerator="cpu", callbacks=[callback, snapshots], **QUIET)
    trainer.fit(parts.module, parts.data)
    assert all(parameter.requires_grad for parameter in parts.module.labeler.parameters())
    changed = []
    for weights in snapshots.weights:
        changed.append({name.split(".")[0] for name in weights if not torch.equal(weights[name], before[name])})
        before = weights
    return changed


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # of Lightning
def test_parts_learn_from_their_stage_on(tmp_path: Path) -> None:
    data = write_corpus(tmp_path / "data")
    everything = {"heads", "encoder", "embedding"}
    assert fitted(data, GradualUnfreezing(), n_epochs=3) == [{"heads"}, {"heads", "encoder"}, everything]
    stages = [["heads.*", "embedding.*"], ["encoder.*"]]
    found = fitted(data, GradualUnfreezing(stages=stages, n_epochs=2), n_epochs=3)
    assert found == [{"heads", "embedding"}, {"heads", "embedding"}, everything]


@pytest.mark.slow
def test_a_resumed_run_unfreezes_as_an_unbroken_one(tmp_path: Path) -> None:
    data = write_corpus(tmp_path / "data")
    overrides = ["callbacks=[default,gradual_unfreezing]", "trainer.max_epochs=3"]
    unbroken = train_small(data, tmp_path / "unbroken", overrides)
    train_small(data, tmp_path / "first", [overrides[0], "trainer.max_epochs=1"])
    checkpoint = tmp_path / "first" / "checkpoints" / "last.ckpt"
    resumed = train_small(data, tmp_path / "resumed", [*overrides, f"ckpt_path={checkpoint}"])
    weights = [(run.model / "weights.safetensors").read_bytes() for run in (unbroken, resumed)]
    assert weights[0] == weights[1]


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"stages is \['heads.\*'\]; expected lists of patterns"):
        GradualUnfreezing(stages=["heads.*"])
    with pytest.raises(ConfigError, match="n_epochs is 0; expected at least 1"):
        GradualUnfreezing(n_epochs=0)
    with pytest.raises(ConfigError, match=r"stages has 'encodr.\*', which matches no trainable parameter"):
        fitted(write_corpus(tmp_path / "data"), GradualUnfreezing(stages=[["encodr.*"]]), n_epochs=1)
