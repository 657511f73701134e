"""The trial that this process runs: what it tells the study, and what the study tells it."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import optuna
from optuna.samplers import RandomSampler
from optuna.trial import Trial, TrialState

from seqlab_sweep.attributes import MEASURES, OWNER, SPENT, Owner
from seqlab_sweep.claims import owned
from seqlab_sweep.processes import ProcessName
from seqlab_sweep.searching import build_pruner
from seqlab_sweep.study import SharedStudy


class Stopped(BaseException):
    """Ends a run from within, though nothing failed: like an interrupt, it passes by all that handles failures."""


class Pruned(Stopped):
    """The pruner stops the trial."""


class Superseded(Stopped):
    """Another sweep has claimed the trial since: what this process finds out is not wanted."""


class Checked(Stopped):
    """The run could begin: all that was asked of it."""


@dataclass(frozen=True)
class Check:
    """Stands for a trial in a run that ends before its first batch, to see whether it can begin."""

    metrics: Sequence[str]
    """Names that the run must give."""


@final
class LiveTrial:
    """A claimed trial, seen from its own process."""

    def __init__(
        self, shared: SharedStudy, *, number: int, token: str, pruner: Mapping[str, Any], metrics: Sequence[str]
    ) -> None:
        self.shared = shared
        self.number = number
        self.token = token
        self.metrics = metrics
        """What its values are, in order."""
        self.measures: dict[str, float] = {}
        self.logged: dict[str, float] = {}
        """What its run logged last, by name: of `val` the scores of the best checkpoint, once that is scored."""
        study = optuna.load_study(
            study_name=shared.name, storage=shared.storage, sampler=RandomSampler(), pruner=build_pruner(pruner)
        )
        self._trial = Trial(study, shared.trials()[number]._trial_id)

    def begin(self, process: ProcessName, *, goes_on: bool) -> None:
        """Say which process runs it, and whether it goes on from an earlier attempt.

        Raises: Superseded.
        """
        with self.shared.store.held():
            trial = owned(self.shared, number=self.number, token=self.token)
            owner = Owner.of(trial.user_attrs) if trial is not None else None
            if owner is None:
                raise Superseded
            self._trial.set_user_attr(OWNER, replace(owner, process=process).as_json())
            self._began = time.monotonic() - (trial.user_attrs.get(SPENT, 0.0) if goes_on and trial is not None else 0.0)

    def report(self, value: float, *, epoch: int, is_last: bool) -> None:
        """Report the monitored metric of an epoch, counted from 1.

        Raises: Pruned where the trial is to end; the last epoch is not cut off, for all its cost is paid.
        """
        known = owned(self.shared, number=self.number, token=self.token)
        if known is None:
            raise Superseded
        self._spend()
        is_single = len(self._trial.study.directions) == 1
        is_new = epoch not in known.intermediate_values  # a trial that goes on from a checkpoint repeats its last epoch
        if is_new and is_single:
            self._trial.report(value, step=epoch)
        elif is_new:  # `Trial.report` is for pruners, which know one objective
            self._trial.storage.set_trial_intermediate_value(self._trial._trial_id, epoch, value)
        if not is_last and is_single and self._trial.should_prune():
            raise Pruned(f"pruned after epoch {epoch}, at {value:.4g}")

    def _spend(self) -> None:
        self._trial.set_user_attr(SPENT, time.monotonic() - self._began)

    def measure(self, **measures: float) -> None:
        """Record numbers of the trial's model."""
        self.measures |= measures
        self._trial.set_user_attr(MEASURES, self.measures)

    def end(self, state: TrialState, values: Sequence[float] | None = None) -> None:
        """Record how it ended, unless somebody else has claimed it since."""
        with self.shared.store.held():
            if owned(self.shared, number=self.number, token=self.token) is not None:
                self._spend()
                self._trial.study.tell(self.number, values, state=state)


def finite(values: Mapping[str, float]) -> list[float]:
    """Return the values of objectives.

    Raises: ValueError for one that is no finite number: no search can go by it.
    """
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value}; expected a finite number")
    return list(values.values())


current: LiveTrial | Check | None = None
"""The trial of this process; None where it runs none."""
