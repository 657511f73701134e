"""The sweeper that Hydra discovers. Hydra imports this file at every start, so the heavy imports wait until a sweep runs."""

from typing import Any, final

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@final
class StudySweeper(Sweeper):
    """Hydra sweeper that runs the trials of an Optuna study.

    Args:
        **options: The keys of `hydra/sweeper/study.yaml`, where their defaults and meanings are documented.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context = hydra_context
        self.config = config

    def sweep(self, arguments: list[str]) -> None:
        """Run trials until the study has `n_trials` of them. No Hydra launcher is used: every trial is its own process."""
        from seqlab_sweep.sweep import sweep

        sweep(self.options, arguments, config=self.config, loader=self.hydra_context.config_loader)
