"""The options of a sweep, as in `hydra/sweeper/study.yaml`, and their checks."""

import math
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
    "study_name": (str | int | float, "a folder name"),
    "storage": (str | None, STORES),
    "params": (Mapping, "a search space per key, as in {encoder.width: 'range(50, 225, 25)'}"),
    "objectives": (Mapping, "a direction per name, as in {monitor: max}"),
    "heartbeat_seconds": (int | float, "a number of seconds"),
    "lost_after_seconds": (int | float, "a number of seconds"),
    **{name: (Mapping, f"a mapping of options; choose one with hydra/sweeper/{name}=…") for name in _GROUPS},
}
"""The type of each value and its description in error messages."""


@dataclass(frozen=True)
class Options:
    """The keys of `hydra.sweeper`; `hydra/sweeper/study.yaml` documents them."""

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
        """Return the options after checking them.

        Raises: ConfigError for an unknown, missing or invalid option.
        """
        _check_keys(given, [field.name for field in fields(cls)])
        _check_values(given)
        options = cls(**{**given, "study_name": str(given["study_name"])})
        options._check()
        return options

    @property
    def numbered_objectives(self) -> list[Objective]:
        """The objectives, in the order of a trial's values."""
        return read_objectives(self.objectives)

    def store(self, folder: Path) -> Store:
        """Return the store of the study; by default a SQLite file in the folder of the sweep."""
        return Store(self.storage or f"{SQLITE}{folder / STUDY_FILE}")

    def n_threads(self) -> int:
        """Return the number of CPU threads per trial."""
        return self.threads_per_trial or max(1, n_cores() // self.n_workers)

    def n_wanted(self, space: Space) -> int:
        """Return the number of trials the study should have.

        Raises: ConfigError if n_trials is null and the search is not a grid.
        """
        if self.sampler["name"] != GRID:
            if self.n_trials is None:
                raise ConfigError(
                    "hydra.sweeper.n_trials is null; set the number of trials, counted over all runs of the study"
                )
            return self.n_trials
        n_points = math.prod(len(values) for values in space.grid().values())
        return min(n_points, self.n_trials or n_points)

    def _check(self) -> None:
        if not re.fullmatch(r"[\w+-][\w.+-]*", self.study_name):
            raise ConfigError(
                f"hydra.sweeper.study_name is {self.study_name!r}; expected a folder name of letters, digits, _, +, - and ."
            )
        if not 0 < self.heartbeat_seconds < self.lost_after_seconds:
            raise ConfigError(
                f"hydra.sweeper.lost_after_seconds is {self.lost_after_seconds:g}; expected more than"
                f" heartbeat_seconds ({self.heartbeat_seconds:g}), which must be above 0"
            )
        check_pruner(self.pruner, self.numbered_objectives)


def _check_keys(given: Mapping[str, Any], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise ConfigError(f"hydra.sweeper.{name}: unknown key; expected {', '.join(known)}")
    for name in known:
        if name not in given:
            raise ConfigError(f"hydra.sweeper.{name} is missing; expected {', '.join(known)}")


def _check_values(given: Mapping[str, Any]) -> None:
    for name, smallest in _SMALLEST.items():
        value = given[name]
        if value is None and name in _OPTIONAL:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < smallest:  # True is an int in Python
            raise ConfigError(f"hydra.sweeper.{name} is {value!r}; expected a whole number of at least {smallest}")
    for name, (kind, expected) in _KINDS.items():
        value = given[name]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ConfigError(f"hydra.sweeper.{name} is {value!r}; expected {expected}")
    for name in _GROUPS:
        if "name" not in given[name]:
            raise ConfigError(f"hydra.sweeper.{name} has no key `name`; add one, as in the options of hydra/sweeper/{name}")


def n_cores() -> int:
    """Return the number of cores this process may use."""
    # Containers and taskset limit the cores of a process; `cpu_count` is that of the machine.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def words_of_runs(flags: Sequence[str], typed: Sequence[str]) -> list[str]:
    """Return the Hydra settings for the command of a trial: those typed, without the ones that configure the sweep."""
    ours = ("hydra.sweeper", "hydra/sweeper", "hydra.sweep.", "hydra.run.", "hydra.mode", "hydra.launcher", "hydra/launcher")
    return [*flags, "hydra.mode=RUN", *(word for word in typed if not word.lstrip("+~").startswith(ours))]
