"""`AveragedWeights`: an exponential moving average of the weights, which validation, checkpoints and the result use.

    decay_t = min(decay, (1 + t) / (10 + t))
    average_t = decay_t * average_{t-1} + (1 - decay_t) * weights_t

after optimiser step t = 1, 2, … The warm-up of the decay (as in TensorFlow's ExponentialMovingAverage) lets the average
leave the initial weights behind within a few steps, so that short runs gain as well.
"""

from typing import Any, final

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor

from seqlab.errors import ConfigError

_TRAINED_WEIGHTS = "trained_weights"
"""Checkpoint key of the weights that the optimiser works on; `state_dict` holds the averaged ones."""


@final
class AveragedWeights(pl.Callback):
    """Averages all parameters that are trained; frozen ones and buffers stay the model's own.

    A checkpoint's `state_dict` holds the averages, so whoever loads the checkpoint needs not know of them.

    Lightning's own EMAWeightAveraging copies the module with its trainer and data, has a fixed decay, and visits the
    parameters one by one after each step; here that is one fused call.
    """

    def __init__(self, *, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ConfigError(f"decay is {decay}; expected a number from 0 (no averaging) to below 1, such as 0.999")
        self.decay = decay
        self._n_steps = 0
        self._average: list[Tensor] = []
        self._to_restore: list[Tensor] | None = None
        self._is_swapped = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the average at the weights; a resumed run loaded the averages as weights, so trade places first."""
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
        """Update the average, once an optimiser step."""
        if trainer.global_step == self._n_steps:  # gradients are still being accumulated
            return
        self._n_steps = trainer.global_step
        decay = min(self.decay, (1 + self._n_steps) / (10 + self._n_steps))
        torch._foreach_lerp_(self._average, _trained(pl_module), 1 - decay)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the averages in place."""
        if self._average:
            self._swap(pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the trained weights back in place."""
        if self._average:
            self._swap(pl_module)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Put the trained weights back in place when validation breaks off."""
        if self._is_swapped:
            self._swap(pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the averages in the module; checkpoints may still be written."""
        self._swap(pl_module)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let go of the trained weights."""
        self._average = []

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Store the averages as the model's weights, and the trained ones beside them."""
        if not self._average:
            return
        was_swapped = self._is_swapped
        if not was_swapped:
            self._swap(pl_module)
        checkpoint["state_dict"] = {name: value.clone() for name, value in pl_module.state_dict().items()}
        checkpoint[_TRAINED_WEIGHTS] = [weight.clone() for weight in self._average]
        if not was_swapped:
            self._swap(pl_module)

    def on_load_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep the trained weights for the start of training; a checkpoint without averages starts them anew."""
        if trainer.state.fn == TrainerFn.FITTING:
            self._to_restore = checkpoint.get(_TRAINED_WEIGHTS)

    def _swap(self, pl_module: pl.LightningModule) -> None:
        """Let weights and averages trade places, by value: optimisers and oneDNN hold on to the tensors."""
        weights = _trained(pl_module)
        trained = [weight.clone() for weight in weights]
        torch._foreach_copy_(weights, self._average)
        torch._foreach_copy_(self._average, trained)
        self._is_swapped = not self._is_swapped


def _trained(pl_module: pl.LightningModule) -> list[Tensor]:
    return [parameter.data for parameter in pl_module.parameters() if parameter.requires_grad]
