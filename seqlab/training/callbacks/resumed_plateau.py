"""`ResumedPlateau`: make plateau schedules continue after resuming as if the run had not been interrupted."""

from typing import Any, final

import pytorch_lightning as pl
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau

_SCORES = "plateau_scores"
"""Checkpoint key of the scores that plateau schedules have not seen yet."""


@final
class ResumedPlateau(pl.Callback):
    """Saves the epoch's scores in checkpoints, and passes them to plateau schedules when a run resumes.

    Lightning steps these schedules only after writing the checkpoints of the epoch, so resuming would skip that step.
    """

    def __init__(self) -> None:
        self._is_validated = False
        self._unseen: dict[str, Tensor] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for scheduler, monitor in _plateaus(trainer):
            if monitor in self._unseen:
                scheduler.step(self._unseen[monitor].item())
        self._unseen = {}

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._is_validated = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._is_validated = True

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        # Checkpoints written before the validation of an epoch still show the scores of the epoch before.
        if self._is_validated:
            scores = trainer.callback_metrics
            checkpoint[_SCORES] = {name: scores[name] for _, name in _plateaus(trainer) if name in scores}

    def on_load_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        self._unseen = checkpoint.get(_SCORES, {})


def _plateaus(trainer: pl.Trainer) -> list[tuple[ReduceLROnPlateau, str]]:
    configs = trainer.lr_scheduler_configs
    return [
        (config.scheduler, config.monitor)
        for config in configs
        if isinstance(config.scheduler, ReduceLROnPlateau) and config.monitor is not None
    ]
