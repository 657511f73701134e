"""`FiniteLoss`: stop training before a NaN or infinite loss reaches the weights."""

from typing import Any, cast, final

import pytorch_lightning as pl
import torch
from torch import Tensor

from seqlab.errors import SeqlabError
from seqlab.training.module import LabelerModule

_N_SHOWN = 5


@final
class FiniteLoss(pl.Callback):
    """Stops training at the first NaN or infinite loss, and names the records of its batch.

    On a GPU, the check waits for all queued work, once per batch.
    """

    def __init__(self) -> None:
        self._rows: Tensor | None = None
        self._data_set = ""

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        # `on_before_backward` gets no batch, so its records are noted here.
        self._rows, self._data_set = batch.rows, batch.data_set

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        """Check the loss.

        Raises: SeqlabError if the loss is not finite.
        """
        if torch.isfinite(loss).all():
            return
        assert self._rows is not None
        columns = cast(LabelerModule, pl_module).splits["train"].parts[self._data_set].columns
        ids = [str(columns.record_id(row)) for row in self._rows[:_N_SHOWN].tolist()]
        n_more = len(self._rows) - len(ids)
        records = ", ".join(ids) + (f" and {n_more} more" if n_more else "")
        where = f"in epoch {trainer.current_epoch + 1}, step {trainer.global_step + 1}, on records {records}"
        remedy = "check the values in them, lower optimizer.lr or trainer.gradient_clip_val, or set trainer.precision=32-true"
        raise SeqlabError(f"loss is {loss.detach().mean().item()} {where}; expected a finite number; {remedy}")
