"""How a sweep searches and what it stops early: Optuna's samplers and pruners, built from a config."""

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
"""The objective that is whatever the run monitors."""
DIRECTIONS = {"max": "maximize", "min": "minimize", "maximize": "maximize", "minimize": "minimize"}


@dataclass(frozen=True)
class Objective:
    """A number of a trial, and whether more of it is better or less."""

    name: str
    direction: str


def read_objectives(node: Mapping[str, Any]) -> list[Objective]:
    """Return the objectives of a config.

    Raises: ConfigError for none, and for a direction that is none.
    """
    if not node:
        raise ConfigError("hydra.sweeper.objectives is empty; name one at least, as in {monitor: max}")
    for name, direction in node.items():
        if not isinstance(direction, str) or direction not in DIRECTIONS:
            raise ConfigError(f"hydra.sweeper.objectives.{name} is {direction!r}; expected max or min")
    return [Objective(name, DIRECTIONS[direction]) for name, direction in node.items()]


def check_pruner(pruner: Mapping[str, Any], objectives: Sequence[Objective]) -> None:
    """Refuse a pruner where it has no one number to go by.

    Raises: ConfigError.
    """
    name = pruner["name"]
    if name == NO_PRUNER:
        build_pruner(pruner)
    elif len(objectives) > 1:
        raise ConfigError(
            f"hydra/sweeper/pruner is {name}, which stops trials by one number, and there are {len(objectives)} objectives"
            f" ({', '.join(one.name for one in objectives)}); leave the pruner out, or choose one objective"
        )
    elif objectives[0].name != MONITOR:
        raise ConfigError(
            f"hydra/sweeper/pruner is {name}, which stops trials by what they monitor, and the objective is"
            f" {objectives[0].name}; set monitor={objectives[0].name} and objectives={{monitor: …}}, or leave the pruner out"
        )
    else:
        build_pruner(pruner)


def build_sampler(node: Mapping[str, Any], *, seed: int, number: int, grid: Mapping[str, Sequence[Value]]) -> BaseSampler:
    """Return the sampler for trial `number`.

    It draws from (seed, number), so that a study that was interrupted draws on as if it had not been.
    """
    drawn = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    given: dict[str, Any] = {"search_space": grid, "seed": seed} if node["name"] == GRID else {"seed": drawn}
    sampler: BaseSampler = build(_nameless(node), targets=known_targets(), path="hydra.sweeper.sampler", **given)
    return sampler


def build_pruner(node: Mapping[str, Any]) -> BasePruner:
    """Return the pruner."""
    pruner: BasePruner = build(_nameless(node), targets=known_targets(), path="hydra.sweeper.pruner")
    return pruner


def _nameless(node: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != "name"}
