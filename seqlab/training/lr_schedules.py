"""Learning rate schedules with linear warm-up, followed by decay to a fraction of the rate.

For epoch e = 0, 1, …, w warm-up epochs and n epochs in all, the rate is the optimiser's rate times

    (e + 1) / (w + 1)                                   for e < w
    decay from 1 at e = w to `final_fraction` at e = n  afterwards
"""

import math
from collections.abc import Callable
from functools import partial

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from seqlab.errors import ConfigError


def warmup_linear(optimizer: Optimizer, *, n_epochs: int, warmup_epochs: int = 1, final_fraction: float = 0.0) -> LambdaLR:
    """Return a schedule with linear decay; step it once per epoch.

    Args:
        optimizer: The optimiser whose rates it sets.
        n_epochs: Number of epochs of the run, at least 1; afterwards the rate stays.
        warmup_epochs: Number of epochs with a rising rate, from 0 to below `n_epochs`.
        final_fraction: Rate after `n_epochs`, as a fraction of the optimiser's, from 0 to 1.
    """
    return LambdaLR(optimizer, _factor(_line, n_epochs, warmup_epochs, final_fraction))


def warmup_cosine(optimizer: Optimizer, *, n_epochs: int, warmup_epochs: int = 1, final_fraction: float = 0.0) -> LambdaLR:
    """Return a schedule with half-cosine decay (Loshchilov & Hutter 2017, eq. 5); step it once per epoch.

    Args:
        optimizer: The optimiser whose rates it sets.
        n_epochs: Number of epochs of the run, at least 1; afterwards the rate stays.
        warmup_epochs: Number of epochs with a rising rate, from 0 to below `n_epochs`.
        final_fraction: Rate after `n_epochs`, as a fraction of the optimiser's, from 0 to 1.
    """
    return LambdaLR(optimizer, _factor(_half_cosine, n_epochs, warmup_epochs, final_fraction))


def _factor(
    curve: Callable[[float], float], n_epochs: int, warmup_epochs: int, final_fraction: float
) -> Callable[[int], float]:
    """Return the factor of the rate by epoch; `curve` falls from 1 at 0 to 0 at 1."""
    if n_epochs < 1:
        raise ConfigError(f"n_epochs is {n_epochs}; expected at least 1, the epochs to decay over; set trainer.max_epochs")
    if not 0 <= warmup_epochs < n_epochs:
        expected = f"expected 0 to {n_epochs - 1}, since the run has {n_epochs} epochs (trainer.max_epochs)"
        raise ConfigError(f"warmup_epochs is {warmup_epochs}; {expected}")
    if not 0 <= final_fraction <= 1:
        raise ConfigError(f"final_fraction is {final_fraction}; expected a fraction of the learning rate from 0 to 1")
    # A partial rather than a closure: it can be pickled, and LambdaLR keeps it out of checkpoints.
    return partial(_warmup_then, curve, n_epochs, warmup_epochs, final_fraction)


def _warmup_then(
    curve: Callable[[float], float], n_epochs: int, warmup_epochs: int, final_fraction: float, epoch: int
) -> float:
    if epoch < warmup_epochs:
        return (epoch + 1) / (warmup_epochs + 1)
    # A run that is continued for longer keeps the last rate.
    progress = min(1.0, (epoch - warmup_epochs) / (n_epochs - warmup_epochs))
    return final_fraction + (1 - final_fraction) * curve(progress)


def _line(progress: float) -> float:
    return 1 - progress


def _half_cosine(progress: float) -> float:
    return (1 + math.cos(math.pi * progress)) / 2
