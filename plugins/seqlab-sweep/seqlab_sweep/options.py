"""The options of a sweep, as `hydra/sweeper/study.yaml` has them, checked."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from seqlab.errors import ConfigError
from seqlab_sweep.searching import GRID, Objective, check_pruner, read_objectives
from seqlab_sweep.space import Space
from seqlab_sweep.stores import SQLITE, Store

STUDY_FILE = "study.db"
_SMALLEST = {"n_trials": 1, "n_workers": 1, "threads_per_trial": 1, "seed": 0, "retries": 0}
_OPTIONAL = ("n_trials", "threads_per_trial")


@dataclass(frozen=True)
class Options:
    """What the keys of `hydra.sweeper` say."""

    study_name: str
    storage: str | None
    n_trials: int | None
    n_workers: int
    threads_per_trial: int | None
    params: Mapping[str, Any]
    objectives: Mapping[str, str]
    seed: int
    retries: int
    heartbeat_seconds: float
    lost_after_seconds: float
    sampler: Mapping[str, Any]
    pruner: Mapping[str, Any]

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> "Options":
        """Return the options.

        Raises: ConfigError for one that cannot work.
        """
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise ConfigError(f"hydra.sweeper.{unknown[0]}: there is no such key; hydra.sweeper has {', '.join(known)}")
        options = cls(**given)
        options._check()
        return options

    @property
    def numbered_objectives(self) -> list[Objective]:
        """The objectives, in the order of a trial's values."""
        return read_objectives(self.objectives)

    def store(self, folder: Path) -> Store:
        """Return where the study lives: a file in the folder of the sweep, where nothing else is said."""
        return Store(self.storage or f"{SQLITE}{folder / STUDY_FILE}")

    def n_threads(self) -> int:
        """Return the CPU threads of a trial."""
        return self.threads_per_trial or max(1, n_cores() // self.n_workers)

    def n_wanted(self, space: Space) -> int:
        """Return how many trials the study is to have.

        Raises: ConfigError where there is no end to them.
        """
        if self.sampler["name"] != GRID:
            if self.n_trials is None:
                raise ConfigError("hydra.sweeper.n_trials has no value; say how many trials to run, over all runs of the study")
            return self.n_trials
        n_points = 1
        for values in space.grid().values():
            n_points *= len(values)
        return min(n_points, self.n_trials or n_points)

    def _check(self) -> None:
        for name, smallest in _SMALLEST.items():
            value = getattr(self, name)
            if value is None and name in _OPTIONAL:
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < smallest:
                raise ConfigError(f"hydra.sweeper.{name} is {value!r}; expected a whole number from {smallest} on")
        if not re.fullmatch(r"[\w.+-]+", str(self.study_name)) or str(self.study_name).startswith("."):
            raise ConfigError(
                f"hydra.sweeper.study_name is {self.study_name!r}, which cannot name a folder; use letters, digits, _, - and ."
            )
        if not 0 < self.heartbeat_seconds < self.lost_after_seconds:
            raise ConfigError(
                f"hydra.sweeper.lost_after_seconds is {self.lost_after_seconds:g}; expected more than"
                f" heartbeat_seconds ({self.heartbeat_seconds:g})"
            )
        check_pruner(self.pruner, self.numbered_objectives)


def n_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def words_of_runs(flags: Sequence[str], typed: Sequence[str]) -> list[str]:
    """Return what every trial's command has of Hydra's own settings: all that does not say how to sweep."""
    ours = ("hydra.sweeper", "hydra/sweeper", "hydra.sweep.", "hydra.run.", "hydra.mode", "hydra.launcher", "hydra/launcher")
    return [*flags, "hydra.mode=RUN", *(word for word in typed if not word.lstrip("+~").startswith(ours))]
