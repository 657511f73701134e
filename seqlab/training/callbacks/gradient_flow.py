"""`GradientFlow`: record gradient norms, by parameter over training and by step of the sequences."""

import csv
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, cast, final

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from seqlab.encoders.layer import RecurrentLayer
from seqlab.errors import ConfigError
from seqlab.training.module import LabelerModule

PARAMETERS_FILE = "gradient_flow.csv"
STEPS_FILE = "gradient_flow_by_step.csv"
_PARAMETER_COLUMNS = ("training_step", "parameter", "gradient_norm", "parameter_norm")
_STEP_COLUMNS = ("training_step", "layer", "direction", "step", "gradient_norm", "n_records")


@final
class GradientFlow(pl.Callback):
    """Writes two tables of gradient norms into `folder`.

    - `gradient_flow.csv`: the gradient norm of each parameter, before clipping, and the norm of the parameter itself
    - `gradient_flow_by_step.csv`: for each recurrent layer and direction, the gradient norm with respect to its input at each
      step, in reading order, averaged over the records that have the step. It shows how far back the loss reaches.

    Args:
        folder: Where to write the tables.
        every_n_steps: Number of training steps between two records, at least 1.
    """

    def __init__(self, folder: str, *, every_n_steps: int = 50) -> None:
        if every_n_steps < 1:
            raise ConfigError(f"callbacks.gradient_flow.every_n_steps is {every_n_steps}; expected at least 1")
        self.folder = Path(folder)
        self.every_n_steps = every_n_steps
        self._is_watching = False
        self._seen: list[tuple[str, Tensor, Tensor]] = []
        self._open = ExitStack()
        """Closes the tables and removes the hooks."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Register hooks on the recurrent layers and open the tables; a resumed run appends to them."""
        if not trainer.is_global_zero:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        labeler = cast(LabelerModule, pl_module).labeler
        for name, part in labeler.named_modules():
            if isinstance(part, RecurrentLayer):
                hook = part.register_forward_pre_hook(partial(self._watch, name), with_kwargs=True)
                self._open.callback(hook.remove)
        self._parameters = self._table(PARAMETERS_FILE, _PARAMETER_COLUMNS)
        self._steps = self._table(STEPS_FILE, _STEP_COLUMNS)

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        """Decide whether to record this batch."""
        self._is_watching = trainer.is_global_zero and trainer.global_step % self.every_n_steps == 0
        self._seen.clear()

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Write the recorded norms."""
        if not self._is_watching:
            return
        for name, parameter in cast(LabelerModule, pl_module).labeler.named_parameters():
            if parameter.grad is not None:
                norms = float(parameter.grad.norm()), float(parameter.detach().norm())
                self._parameters.writerow((trainer.global_step, name, *norms))
        for layer, norms_by_step, lengths in self._seen:
            self._steps.writerows((trainer.global_step, layer, *row) for row in _mean_rows(norms_by_step, lengths))
        self._seen.clear()
        self._is_watching = False  # record only the first loss of an optimiser that evaluates several per step

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the tables."""
        self._close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Close the tables, which may show what led to the failure."""
        self._close()

    def _watch(self, name: str, layer: nn.Module, inputs: Sequence[Tensor], options: dict[str, Any]) -> None:
        # Validation runs the layers too, and inputs from frozen parts have no gradient.
        if self._is_watching and layer.training and inputs[0].requires_grad:
            inputs[0].register_hook(partial(self._keep, name, options["lengths"]))

    def _keep(self, name: str, lengths: Tensor, gradient: Tensor) -> None:
        # In float32, because squares of float16 gradients overflow at 256.
        self._seen.append((name, torch.linalg.vector_norm(gradient.detach().float(), dim=-1), lengths))

    def _table(self, name: str, columns: Sequence[str]) -> Any:
        path = self.folder / name
        # A resumed run must not write a second heading.
        is_new = not path.exists()
        writer = csv.writer(self._open.enter_context(path.open("a", encoding="utf-8", newline="")))
        if is_new:
            writer.writerow(columns)
        return writer

    def _close(self) -> None:
        self._open.close()
        self._is_watching = False


def _mean_rows(norms: Tensor, lengths: Tensor) -> list[tuple[int, int, float, int]]:
    """Return (direction, step, mean norm, number of records) from norms (direction time batch)."""
    is_real = torch.arange(norms.shape[1], device=lengths.device)[:, None] < lengths
    counts = is_real.sum(1)
    # A step that no record has counts 0 records; the clamp avoids 0 / 0, and its row is left out below.
    means = (norms * is_real).sum(2) / counts.clamp(min=1)
    return [
        (direction, step, mean, n)
        for direction, row in enumerate(means.tolist())
        for step, (mean, n) in enumerate(zip(row, counts.tolist(), strict=True))
        if n
    ]
