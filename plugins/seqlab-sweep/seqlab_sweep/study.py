"""`SharedStudy`: a study that several processes and machines work on, and that must be the same search for all of them."""

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
    """The study `name` of a store; what must not be mixed up with others happens under `store.held()`."""

    def __init__(self, store: Store, name: str, *, storage: BaseStorage) -> None:
        self.store = store
        self.name = name
        self.storage = storage
        self.study: Study = optuna.load_study(study_name=name, storage=storage, sampler=RandomSampler())

    @classmethod
    def started(
        cls, store: Store, name: str, *, objectives: Sequence[Objective], before: Callable[[], None] | None = None
    ) -> "SharedStudy":
        """Return the study, made where there is none of that name; `before` that, a check that may refuse it."""
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
        """Return a study that is there; `storage` is that of the store, where it is open already."""
        return cls(store, name, storage=storage or store.open())

    @property
    def facts(self) -> StudyFacts:
        """What the study says of itself; empty before `settle`."""
        return StudyFacts.of(self.study.user_attrs)

    def settle(self, facts: StudyFacts) -> None:
        """Write down what is searched.

        Raises: ConfigError where another sweep has written down another search since we looked.
        """
        with self.store.held():
            self.check_same(facts)
            for name, value in asdict(facts).items():
                if value is not None:
                    self.study.set_user_attr(name, value)

    def note(self, trial: FrozenTrial, **attributes: Any) -> None:
        """Write something down about a trial that runs; Optuna's own `Trial` would draw parameters for it anew."""
        for name, value in attributes.items():
            self.storage.set_trial_user_attr(trial._trial_id, name, value)

    def trials(self) -> list[FrozenTrial]:
        """Return all trials, by number."""
        return self.study.get_trials(deepcopy=False)

    def check_same(self, facts: StudyFacts) -> None:
        """Refuse another search than that of the study.

        Raises: ConfigError that says in what they differ.
        """
        known = self.facts
        other = f"choose another hydra.sweeper.study_name, or search as it did ({self.store})"
        if known.objectives and known.objectives != facts.objectives:
            said, now = _said(known.objectives), _said(facts.objectives or [])
            raise ConfigError(f"study {self.name!r} has the objectives {said}, and this sweep {now}; {other}")
        if known.space and known.space != facts.space:
            difference = _difference(known.space, facts.space or {})
            raise ConfigError(f"study {self.name!r} searches another space: {difference}; {other}")


def n_asked(trials: Sequence[FrozenTrial]) -> int:
    """Return how many trials count towards `n_trials`: all but those queued by `seqlab sweep retry`, which come on top."""
    return sum(RETRY_OF not in trial.user_attrs for trial in trials)


def plain_space(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return distributions as plain values."""
    return {key: described(distribution) for key, distribution in parameters.items()}


def _said(objectives: Sequence[Mapping[str, str]]) -> str:
    return ", ".join(f"{one['name']} ({one['direction']})" for one in objectives)


def _difference(known: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    for key in (*known, *found):
        if known.get(key) != found.get(key):
            return f"{key} was {_shown(known.get(key))} and is {_shown(found.get(key))}"
    raise AssertionError("the spaces are the same")


def _shown(parameter: Mapping[str, Any] | None) -> str:
    if parameter is None:
        return "not searched"
    if parameter["kind"] == "choice":
        return f"choice({', '.join(map(str, parameter['choices']))})"
    step = f" by {parameter['step']}" if parameter["step"] not in (None, 1) or parameter["kind"] == "int" else ""
    return f"{parameter['low']} to {parameter['high']}{step}{' (log)' if parameter['log'] else ''}"
