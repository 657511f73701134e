"""Build Optuna's samplers and pruners from a config, and read the objectives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler

from seqlab.config.build import build, known_targets
from seqlab.errors import ConfigError
from seqlab_sweep.space import Value

GRID = "grid"
NO_PRUNER = "none"
MONITOR = "monitor"
"""The objective that stands for the metric the run monitors."""
DIRECTIONS = {"max": "maximize", "min": "minimize", "maximize": "maximize", "minimize": "minimize"}


@dataclass(frozen=True)
class Objective:
    """A number to optimise."""

    name: str
    direction: str
    """`maximize` or `minimize`."""


def read_objectives(node: Mapping[str, Any]) -> list[Objective]:
    """Return the objectives of a config.

    Raises: ConfigError if there are none, or for an unknown direction.
    """
    if not node:
        raise ConfigError("hydra.sweeper.objectives is empty; name at least one, as in {monitor: max}")
    for name, direction in node.items():
        if not isinstance(direction, str) or direction not in DIRECTIONS:
            raise ConfigError(f"hydra.sweeper.objectives.{name} is {direction!r}; expected max or min")
    return [Objective(name, DIRECTIONS[direction]) for name, direction in node.items()]


def check_pruner(pruner: Mapping[str, Any], objectives: Sequence[Objective]) -> None:
    """Check that the pruner builds and that `monitor` is the only objective.

    Raises: ConfigError.
    """
    name = pruner["name"]
    if name != NO_PRUNER and len(objectives) > 1:
        raise ConfigError(
            f"hydra/sweeper/pruner is {name}, which needs a single objective, but there are {len(objectives)}"
            f" ({', '.join(objective.name for objective in objectives)}); remove the pruner, or choose one objective"
        )
    if name != NO_PRUNER and objectives[0].name != MONITOR:
        raise ConfigError(
            f"hydra/sweeper/pruner is {name}, which compares the monitored metric, but the objective is"
            f" {objectives[0].name}; set monitor={objectives[0].name} and objectives={{monitor: …}}, or remove the pruner"
        )
    build_pruner(pruner)


def build_sampler(node: Mapping[str, Any], *, seed: int, number: int, grid: Mapping[str, Sequence[Value]]) -> BaseSampler:
    """Return the sampler for trial `number`.

    Its seed depends on `seed` and `number` only, so an interrupted study draws the same trials as an uninterrupted one.
    """
    own_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    # The grid sampler shuffles the whole grid by its seed, so that seed must be the same for all trials.
    settings: dict[str, Any] = {"search_space": grid, "seed": seed} if node["name"] == GRID else {"seed": own_seed}
    sampler: BaseSampler = build(_nameless(node), targets=known_targets(), path="hydra.sweeper.sampler", **settings)
    return sampler


def build_pruner(node: Mapping[str, Any]) -> BasePruner:
    """Return the pruner that `node` describes."""
    pruner: BasePruner = build(_nameless(node), targets=known_targets(), path="hydra.sweeper.pruner")
    return pruner


def _nameless(node: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != "name"}
