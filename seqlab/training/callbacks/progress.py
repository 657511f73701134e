"""`Progress`: one log line per epoch, and a progress bar on terminals."""

import logging
import math
import time
from collections.abc import Sequence
from typing import Any, final

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

_LOG = logging.getLogger(__name__)


@final
class Progress(pl.Callback):
    """Logs each epoch's metrics, speed and duration in one line, and on a terminal shows a progress bar meanwhile.

    Speed counts real tokens (the module's `epoch_tokens`) per second of training; the duration includes validation. Loggers
    receive `train/seconds`, `train/tokens_per_second` and `val/seconds`.

    Args:
        metrics: Names of the metrics to show, in this order; those that are not logged are skipped.
        refresh_per_second: How often the bar is redrawn.
    """

    def __init__(self, *, metrics: Sequence[str] = ("train/loss", "val/loss", "auto"), refresh_per_second: float = 4.0) -> None:
        self.metrics = list(dict.fromkeys(metrics))
        self.refresh_per_second = refresh_per_second
        self._bar: Bar | None = None
        self._epoch_began = 0.0
        self._validation_began = 0.0
        self._validation_seconds = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._epoch_began = time.perf_counter()
        self._validation_seconds = 0.0
        console = Console()
        if trainer.is_global_zero and console.is_terminal:
            n_batches = trainer.num_training_batches
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Bar(*columns, console=console, refresh_per_second=self.refresh_per_second, transient=True)
            self._bar.add_task(_epoch(trainer), total=None if n_batches == math.inf else int(n_batches))
            self._bar.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._bar:
            self._bar.advance(self._bar.task_ids[0])

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._validation_began = time.perf_counter()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._validation_seconds += time.perf_counter() - self._validation_began

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remove the bar before logging, since log handlers write over it."""
        self._close()
        seconds = time.perf_counter() - self._epoch_began
        n_tokens = getattr(pl_module, "epoch_tokens", 0) or 0
        # Validation runs within the training epoch in Lightning, so its time is taken off.
        speed = n_tokens / (seconds - self._validation_seconds)
        if n_tokens:
            took = {"train/seconds": seconds - self._validation_seconds, "val/seconds": self._validation_seconds}
            for name, value in {**took, "train/tokens_per_second": speed}.items():
                pl_module.log(name, value, rank_zero_only=True)  # each process logs its own; those of the first are kept
        if trainer.is_global_zero:
            logged = trainer.callback_metrics
            scores = [f"{name} {float(logged[name]):.4g}" for name in self.metrics if name in logged]
            timing = [*([f"{speed:,.0f} tokens/s"] if n_tokens else []), f"{seconds:.1f} s"]
            _LOG.info("%s", "  ".join([_epoch(trainer), *scores, *timing]))

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Restore the terminal."""
        self._close()

    def _close(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None


def _epoch(trainer: pl.Trainer) -> str:
    """Return `epoch 3/20`, counted from 1, or `epoch 3` without a maximum."""
    total = f"/{trainer.max_epochs}" if trainer.max_epochs and trainer.max_epochs > 0 else ""
    return f"epoch {trainer.current_epoch + 1}{total}"
