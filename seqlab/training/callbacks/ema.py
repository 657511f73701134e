"""`AveragedWeights`: an exponential moving average of the weights, used for validation, checkpoints and the final model.

    decay_t = min(decay, (1 + t) / (10 + t))
    average_t = decay_t * average_{t-1} + (1 - decay_t) * weights_t

after optimiser step t = 1, 2, … The decay warms up (as in TensorFlow's ExponentialMovingAverage), so that the average leaves
the initial weights behind within a few steps and short runs benefit too.
"""

from typing import Any, final

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor

from seqlab.errors import ConfigError

_TRAINED_WEIGHTS = "trained_weights"
"""Checkpoint key of the weights that the optimiser updates; `state_dict` holds the averages."""


@final
class AveragedWeights(pl.Callback):
    """Keeps an exponential moving average of all trainable parameters; frozen ones and buffers are not averaged.

    A checkpoint's `state_dict` holds the averages, so loading it needs no special care.

    Lightning's EMAWeightAveraging copies the module with its trainer and data, has a fixed decay, and updates the parameters
    one by one; here the update is one fused call.

    Args:
        decay: Weight of the old average at each step, from 0 (no averaging) to below 1.
    """

    def __init__(self, *, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ConfigError(f"decay is {decay}; expected a number from 0 (no averaging) to below 1, such as 0.999")
        self.decay = decay
        self._n_steps = 0
        self._average: list[Tensor] = []
        self._to_restore: list[Tensor] | None = None
        self._is_swapped = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the average at the current weights; after resuming, these are the averages, so swap first."""
        weights = _trained(pl_module)
        self._average = [weight.clone() for weight in weights]
        self._is_swapped = False
        self._n_steps = trainer.global_step
        if self._to_restore is not None:
            torch._foreach_copy_(weights, self._to_restore)
            self._to_restore = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Update the average after each optimiser step."""
        if trainer.global_step == self._n_steps:  # gradients are still being accumulated
            return
        self._n_steps = trainer.global_step
        decay = min(self.decay, (1 + self._n_steps) / (10 + self._n_steps))
        torch._foreach_lerp_(self._average, _trained(pl_module), 1 - decay)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validate with the averages."""
        # Validation also runs without training, where there is no average.
        if self._average:
            self._swap(pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Go back to the trained weights."""
        if self._average:
            self._swap(pl_module)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Go back to the trained weights if validation is interrupted."""
        if self._is_swapped:
            self._swap(pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the averages in the module; checkpoints may still follow."""
        self._swap(pl_module)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Free the trained weights."""
        self._average = []

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Save the averages as the model's weights, and the trained weights under a key of their own."""
        if not self._average:
            return
        was_swapped = self._is_swapped
        if not was_swapped:
            self._swap(pl_module)
        # Clones, because the swap back below changes the tensors in place while the checkpoint still waits to be written.
        checkpoint["state_dict"] = {name: value.clone() for name, value in pl_module.state_dict().items()}
        checkpoint[_TRAINED_WEIGHTS] = [weight.clone() for weight in self._average]
        if not was_swapped:
            self._swap(pl_module)

    def on_load_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep the trained weights for the start of training; without averages in the checkpoint, averaging restarts."""
        if trainer.state.fn == TrainerFn.FITTING:
            self._to_restore = checkpoint.get(_TRAINED_WEIGHTS)

    def _swap(self, pl_module: pl.LightningModule) -> None:
        """Swap weights and averages in place, because optimisers and oneDNN hold references to the tensors."""
        weights = _trained(pl_module)
        trained = [weight.clone() for weight in weights]
        torch._foreach_copy_(weights, self._average)
        torch._foreach_copy_(self._average, trained)
        self._is_swapped = not self._is_swapped


def _trained(pl_module: pl.LightningModule) -> list[Tensor]:
    return [parameter.data for parameter in pl_module.parameters() if parameter.requires_grad]
