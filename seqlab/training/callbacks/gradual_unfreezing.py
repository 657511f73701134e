"""`GradualUnfreezing`: the upper parts of a model learn first, those below them later."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import cast, final

import pytorch_lightning as pl
from torch import nn

from seqlab.errors import ConfigError, did_you_mean
from seqlab.training.module import LabelerModule

STAGES = (("heads.*",), ("encoder.*",), ("embedding.*",))


@final
class GradualUnfreezing(pl.Callback):
    """Keeps parameters fixed until their stage, for models that start from another one (`init_from`).

    What the other model learned is then not lost while new heads and words still give large gradients. Source: Howard and
    Ruder, "Universal language model fine-tuning for text classification", 2018, section 3.3.

    Args:
        stages: Patterns such as `encoder.*` for the names in `seqlab describe`, by stage; the first stage learns from the first
            epoch on. Parameters that no pattern matches always learn.
        n_epochs: Epochs between the starts of two stages, at least 1.

    Raises:
        ConfigError: a stage is not a list of patterns, or `n_epochs` is below 1.
    """

    def __init__(self, *, stages: Sequence[Sequence[str]] = STAGES, n_epochs: int = 1) -> None:
        if not stages or not all(isinstance(stage, Sequence) and stage and not isinstance(stage, str) for stage in stages):
            raise ConfigError(f"stages is {stages!r}; expected lists of patterns, as in [[heads.*],[encoder.*]]")
        if n_epochs < 1:
            raise ConfigError(f"n_epochs is {n_epochs}; expected at least 1")
        self.stages, self.n_epochs = stages, n_epochs
        self._waiting: dict[nn.Parameter, int] = {}

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note the epoch, from 0, in which each trainable parameter begins to learn.

        Raises: ConfigError for a pattern that matches none.
        """
        named = dict(cast(LabelerModule, pl_module).labeler.named_parameters())
        trainable = {name: parameter for name, parameter in named.items() if parameter.requires_grad}
        self._waiting = {}
        for number, stage in enumerate(self.stages):
            for pattern in stage:
                members = [parameter for name, parameter in trainable.items() if fnmatchcase(name, pattern)]
                if not members:
                    hint = did_you_mean(pattern, trainable, cutoff=0.3)
                    raise ConfigError(f"callbacks: stages has {pattern!r}, which matches no trainable parameter{hint}")
                for parameter in members:
                    self._waiting.setdefault(parameter, number * self.n_epochs)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let the parameters of all stages so far learn: a function of the epoch, so that resumed runs go on as they would."""
        # Not before: the optimiser leaves out what is fixed when it is made.
        for parameter, epoch in self._waiting.items():
            parameter.requires_grad_(trainer.current_epoch >= epoch)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave all parameters trainable, as they were."""
        for parameter in self._waiting:
            parameter.requires_grad_(True)
