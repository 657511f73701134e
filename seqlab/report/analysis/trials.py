"""Trials of a sweep: their settings, scores, and groups that differ only in seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias, final

Setting: TypeAlias = str | int | float | bool | None
COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"
SEED = "seed"


class Trial(NamedTuple):
    """One run of a sweep."""

    name: str
    state: str
    """`complete`, `pruned`, `failed`, or another state of the sweep."""
    settings: Mapping[str, Setting]
    values: Mapping[str, float] = {}
    """Scores and costs by name; a pruned trial has those known so far."""
    curve: Sequence[tuple[int, float]] = ()
    """The monitored metric by epoch, counted from 1."""
    reason: str = ""
    """Why the trial failed."""
    folder: str = ""


class Objective(NamedTuple):
    """A score to maximise (`is_high`) or a cost to minimise."""

    name: str
    is_high: bool


@final
@dataclass(frozen=True)
class Study:
    """Trials and their objectives."""

    name: str
    objectives: Sequence[Objective]
    monitor: str
    trials: Sequence[Trial]
    facts: Sequence[tuple[str, Setting]] = ()
    importance: Mapping[str, float] | None = None
    """Importance of each parameter as the sweep computed it; None if it did not."""

    @property
    def main(self) -> Objective:
        """The first objective, which ranks the trials."""
        return self.objectives[0]

    @cached_property
    def complete(self) -> list[Trial]:
        """Trials that finished with a score, best first."""
        done = [trial for trial in self.trials if trial.state == COMPLETE and self.main.name in trial.values]
        return sorted(done, key=lambda trial: trial.values[self.main.name], reverse=self.main.is_high)

    @property
    def scores(self) -> list[float]:
        """Values of the first objective in the complete trials."""
        return [trial.values[self.main.name] for trial in self.complete]


def varying(trials: Sequence[Trial]) -> list[str]:
    """Return the settings that differ between trials, except the seed."""
    names = dict.fromkeys(name for trial in trials for name in trial.settings)
    # repr keeps 1, 1.0 and True apart, which are equal as dictionary keys.
    return [name for name in names if name != SEED and len({repr(trial.settings.get(name)) for trial in trials}) > 1]


def by_settings(trials: Sequence[Trial], names: Sequence[str]) -> list[list[Trial]]:
    """Group trials that agree in the settings `names`, in order of first appearance.

    Of several trials with the same seed, keep the first: the others say nothing about noise.
    """
    groups: dict[tuple[str, ...], dict[str, Trial]] = {}
    for trial in trials:
        group = groups.setdefault(tuple(repr(trial.settings.get(name)) for name in names), {})
        group.setdefault(repr(trial.settings.get(SEED)), trial)
    return [list(group.values()) for group in groups.values()]
