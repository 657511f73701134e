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
from seqlab_sweep.stores import SQLITE, STORES, Store

STUDY_FILE = "study.db"
_SMALLEST = {"n_trials": 1, "n_workers": 1, "threads_per_trial": 1, "seed": 0, "retries": 0}
_OPTIONAL = ("n_trials", "threads_per_trial")
_GROUPS = ("sampler", "pruner")
_KINDS: Mapping[str, tuple[Any, str]] = {
    "study_name": (str | int | float, "the name of a folder"),
    "storage": (str | None, STORES),
    "params": (Mapping, "what to search by key, as in {encoder.width: 'range(50, 225, 25)'}"),
    "objectives": (Mapping, "a direction by name, as in {monitor: max}"),
    "heartbeat_seconds": (int | float, "a number of seconds"),
    "lost_after_seconds": (int | float, "a number of seconds"),
    **{name: (Mapping, f"the options of one; choose it with hydra/sweeper/{name}=…") for name in _GROUPS},
}
"""What each value is, and how to say so."""


@dataclass(frozen=True)
class Options:
    """What the keys of `hydra.sweeper` say."""

    study_name: str
    storage: str | None
    n_trials: int | None
    n_workers: int
    threads_per_trial: int | None
    params: Mapping[str, Any]
    objectives: Mapping[str, Any]
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
        _check_keys(given, known)
        _check_values(given)
        options = cls(**{**given, "study_name": str(given["study_name"])})
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
        if not re.fullmatch(r"[\w+-][\w.+-]*", self.study_name):
            raise ConfigError(
                f"hydra.sweeper.study_name is {self.study_name!r}, which cannot name a folder; use letters, digits, _, - and ."
            )
        if not 0 < self.heartbeat_seconds < self.lost_after_seconds:
            raise ConfigError(
                f"hydra.sweeper.lost_after_seconds is {self.lost_after_seconds:g}; expected more than"
                f" heartbeat_seconds ({self.heartbeat_seconds:g}), and that above 0"
            )
        check_pruner(self.pruner, self.numbered_objectives)


def _check_keys(given: Mapping[str, Any], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise ConfigError(f"hydra.sweeper.{name}: there is no such key; hydra.sweeper has {', '.join(known)}")
    for name in known:
        if name not in given:
            raise ConfigError(f"hydra.sweeper.{name} is not there; hydra.sweeper has {', '.join(known)}")


def _check_values(given: Mapping[str, Any]) -> None:
    for name, smallest in _SMALLEST.items():
        value = given[name]
        if value is None and name in _OPTIONAL:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < smallest:
            raise ConfigError(f"hydra.sweeper.{name} is {value!r}; expected a whole number from {smallest} on")
    for name, (kind, expected) in _KINDS.items():
        value = given[name]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ConfigError(f"hydra.sweeper.{name} is {value!r}; expected {expected}")
    for name in _GROUPS:
        if "name" not in given[name]:
            raise ConfigError(f"hydra.sweeper.{name} has no name; give it one, as the files of hydra/sweeper/{name} have")


def n_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def words_of_runs(flags: Sequence[str], typed: Sequence[str]) -> list[str]:
    """Return what every trial's command has of Hydra's own settings: all that does not say how to sweep."""
    ours = ("hydra.sweeper", "hydra/sweeper", "hydra.sweep.", "hydra.run.", "hydra.mode", "hydra.launcher", "hydra/launcher")
    return [*flags, "hydra.mode=RUN", *(word for word in typed if not word.lstrip("+~").startswith(ours))]
