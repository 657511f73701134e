"""Trials: settings, what came of them, and which of them differ in nothing but their seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, final

Setting: TypeAlias = str | int | float | bool | None
COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"
SEED = "seed"


@final
@dataclass(frozen=True)
class Trial:
    """A run among others."""

    name: str
    state: str
    """`complete`, `pruned`, `failed`, or what else a sweep calls it."""
    settings: Mapping[str, Setting]
    values: Mapping[str, float] = field(default_factory=dict)
    """Scores and costs by name; of pruned trials, those that are known."""
    curve: Sequence[tuple[int, float]] = ()
    """The monitored metric by epoch, counted from 1."""
    reason: str = ""
    """Why it failed."""
    folder: str = ""


@final
@dataclass(frozen=True)
class Objective:
    """A score that is to be high, or a cost that is to be low."""

    name: str
    is_high: bool


@final
@dataclass(frozen=True)
class Study:
    """Trials, and what they were run for."""

    name: str
    objectives: Sequence[Objective]
    monitor: str
    trials: Sequence[Trial]
    facts: Sequence[tuple[str, Setting]] = ()
    importance: Mapping[str, float] | None = None
    """Shares of parameters as the sweep itself has them; None where it has none."""

    @property
    def main(self) -> Objective:
        """The first objective, by which trials are ranked."""
        return self.objectives[0]

    @property
    def complete(self) -> list[Trial]:
        """Trials that ended with a score, the best first."""
        done = [trial for trial in self.trials if trial.state == COMPLETE and self.main.name in trial.values]
        return sorted(done, key=lambda trial: trial.values[self.main.name], reverse=self.main.is_high)


def varying(trials: Sequence[Trial]) -> list[str]:
    """Return the settings that are not the same in all trials, the seed left out."""
    names = dict.fromkeys(name for trial in trials for name in trial.settings)
    return [name for name in names if name != SEED and len({repr(trial.settings.get(name)) for trial in trials}) > 1]


def by_settings(trials: Sequence[Trial], names: Sequence[str]) -> list[list[Trial]]:
    """Return groups of trials that agree in the settings `names`, in the order of their first.

    Of trials that agree in their seed as well the first alone is taken: the others tell nothing of the noise.
    """
    groups: dict[tuple[str, ...], dict[str, Trial]] = {}
    for trial in trials:
        group = groups.setdefault(tuple(repr(trial.settings.get(name)) for name in names), {})
        group.setdefault(repr(trial.settings.get(SEED)), trial)
    return [list(group.values()) for group in groups.values()]
