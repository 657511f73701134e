"""A study that several processes and machines work on, with a check that all of them run the same search."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, final

import optuna
from optuna.samplers import RandomSampler
from optuna.storages import BaseStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from seqlab.errors import ConfigError
from seqlab_sweep.attributes import RETRY_OF, StudyFacts
from seqlab_sweep.searching import Objective
from seqlab_sweep.space import described
from seqlab_sweep.stores import Store, names_in


@final
class SharedStudy:
    """A study in a store. Changes that must not interleave with those of other processes run under `store.held()`.

    Args:
        store: Where the study is stored.
        name: Name of an existing study.
        storage: The open storage of `store`.
    """

    def __init__(self, store: Store, name: str, *, storage: BaseStorage) -> None:
        self.store = store
        self.name = name
        self.storage = storage
        self.study: Study = optuna.load_study(study_name=name, storage=storage, sampler=RandomSampler())

    @classmethod
    def started(
        cls, store: Store, name: str, *, objectives: Sequence[Objective], before: Callable[[], None] | None = None
    ) -> "SharedStudy":
        """Return the study, creating it if it does not exist; `before` is called first in that case and may raise."""
        storage = store.open()
        with store.held():
            if name not in names_in(storage):
                if before is not None:
                    before()
                optuna.create_study(
                    study_name=name,
                    storage=storage,
                    directions=[StudyDirection[one.direction.upper()] for one in objectives],
                    sampler=RandomSampler(),
                )
        return cls(store, name, storage=storage)

    @classmethod
    def found(cls, store: Store, name: str, *, storage: BaseStorage | None = None) -> "SharedStudy":
        """Return an existing study; pass `storage` if the store is open already."""
        return cls(store, name, storage=storage or store.open())

    @property
    def facts(self) -> StudyFacts:
        """The stored facts; all None before `settle`."""
        return StudyFacts.of(self.study.user_attrs)

    def settle(self, facts: StudyFacts) -> None:
        """Store the facts.

        Raises: ConfigError if another sweep has stored a different search in the meantime.
        """
        with self.store.held():
            self.check_same(facts)
            for name, value in asdict(facts).items():
                if value is not None:
                    self.study.set_user_attr(name, value)

    def note(self, trial: FrozenTrial, **attributes: Any) -> None:
        """Set attributes of a running trial, without Optuna's `Trial`, whose constructor would draw its parameters again."""
        for name, value in attributes.items():
            self.storage.set_trial_user_attr(trial._trial_id, name, value)

    def trials(self) -> list[FrozenTrial]:
        """Return all trials in the order of their numbers."""
        # Copies of all trials would make each claim slower as the study grows.
        return self.study.get_trials(deepcopy=False)

    def check_same(self, facts: StudyFacts) -> None:
        """Check that the study searches the same space for the same objectives.

        Raises: ConfigError that names the first difference.
        """
        known = self.facts
        advice = f"choose another hydra.sweeper.study_name, or restore the search of {self.store}"
        if known.objectives and known.objectives != facts.objectives:
            stored, now = _format_objectives(known.objectives), _format_objectives(facts.objectives or [])
            raise ConfigError(f"study {self.name!r} has the objectives {stored}, but this sweep has {now}; {advice}")
        if known.space and known.space != facts.space:
            difference = _difference(known.space, facts.space or {})
            raise ConfigError(f"study {self.name!r} searches another space: {difference}; {advice}")


def n_asked(trials: Sequence[FrozenTrial]) -> int:
    """Return the number of trials that count towards `n_trials`: all but those queued by `seqlab sweep retry`."""
    return sum(RETRY_OF not in trial.user_attrs for trial in trials)


def plain_space(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the distribution of each parameter as plain values."""
    return {key: described(distribution) for key, distribution in parameters.items()}


def _format_objectives(objectives: Sequence[Mapping[str, str]]) -> str:
    return ", ".join(f"{objective['name']} ({objective['direction']})" for objective in objectives)


def _difference(known: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    for key in (*known, *found):
        if known.get(key) != found.get(key):
            return f"{key} was {_format_parameter(known.get(key))} and is {_format_parameter(found.get(key))}"
    raise AssertionError("the spaces are the same")


def _format_parameter(parameter: Mapping[str, Any] | None) -> str:
    if parameter is None:
        return "not searched"
    if parameter["kind"] == "choice":
        return f"choice({', '.join(map(str, parameter['choices']))})"
    step = f" by {parameter['step']}" if parameter["step"] not in (None, 1) or parameter["kind"] == "int" else ""
    return f"{parameter['low']} to {parameter['high']}{step}{' (log)' if parameter['log'] else ''}"
