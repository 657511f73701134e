"""The sweeper that Hydra finds. Every start of Hydra reads this, so the work is imported only when a sweep begins."""

from typing import Any, final

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@final
class StudySweeper(Sweeper):
    """Runs the trials of an Optuna study; `options` are the keys of `hydra/sweeper/study.yaml`."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context = hydra_context
        self.config = config

    def sweep(self, arguments: list[str]) -> None:
        """Run trials until the study has as many as it should. A trial is a command of its own, so no launcher is used."""
        from seqlab_sweep.sweep import sweep

        sweep(self.options, arguments, config=self.config, loader=self.hydra_context.config_loader)
