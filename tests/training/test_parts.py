"""A model of a config in a trainer of one's own."""

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

import seqlab
from seqlab.errors import ConfigError

SMALL = [
    *("data.reader.n_train=40", "data.reader.n_val=10", "data.reader.n_test=10", "embedding=[words]", "encoder.width=6"),
    *("max_tokens=60", "trainer=cpu", "trainer.max_epochs=3", "callbacks=none", "calibrate=false", "n_threads=1"),
]

QUIET = {
    **dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False),
    "accelerator": "cpu",
}
# Warnings of torch and Lightning to each other, which their users get too.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:.*{text}.*")
    for text in ("LeafSpec", "does not have many workers", "smaller than the logging interval")
]


class Epochs(pl.Callback):
    """A callback of one's own."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.losses.append(float(trainer.callback_metrics["train/loss"]))


def test_a_trainer_of_ones_own_trains_as_seqlab_does(tmp_path: Path) -> None:
    run = seqlab.train([*SMALL, f"hydra.run.dir={tmp_path / 'run'}"])
    parts, epochs = seqlab.training_parts(SMALL), Epochs()
    config = seqlab.compose(SMALL).trainer
    trainer = pl.Trainer(max_epochs=3, callbacks=[epochs], gradient_clip_val=config.gradient_clip_val, **QUIET)
    trainer.fit(parts.module, parts.data)
    assert trainer.reload_dataloaders_every_n_epochs == 1, "each epoch has an order of its own"
    assert len(epochs.losses) == 3
    assert epochs.losses[-1] < epochs.losses[0]
    expected = seqlab.load(run.model)
    found = seqlab.load(parts.save(tmp_path / "model"))
    for one, other in zip(found.bundle.labeler.parameters(), expected.bundle.labeler.parameters(), strict=True):
        assert torch.equal(one, other)
    text = ["Ada met Bob in Kiel ."]
    assert found.predict(text) == expected.predict(text)


def test_mistakes_are_those_of_the_command_line() -> None:
    with pytest.raises(ConfigError, match=r"encoder.widht: there is no such key; did you mean encoder.width"):
        seqlab.training_parts(["encoder.widht=3"])
    with pytest.raises(ConfigError, match=r"encoder=lstmm.*did you mean"):
        seqlab.compose(["encoder=lstmm"])


def test_compose_returns_the_config_of_a_run() -> None:
    config = seqlab.compose(["encoder=gru", "encoder.width=7"])
    assert config.encoder.width == 7
    assert config.encoder.cell._target_ == "seqlab.encoders.GruCell"
