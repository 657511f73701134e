"""The trial that this process runs: it reports to the study and learns whether to stop."""

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
    """Ends a run that has not failed. Derived from BaseException so that no handler of failures catches it."""


class Pruned(Stopped):
    """The pruner stopped the trial."""


class Superseded(Stopped):
    """Another sweep has claimed the trial, so the results of this process are not wanted."""


class Checked(Stopped):
    """The run can start; the check is finished."""


@dataclass(frozen=True)
class Check:
    """Takes the place of a trial in a run that only checks whether it can start."""

    metrics: Sequence[str]
    """Names of the objectives, which the run must log."""


@final
class LiveTrial:
    """A claimed trial, as seen by its own process.

    Args:
        shared: The study.
        number: The number of the trial.
        token: The token of the claim.
        pruner: Config of the pruner.
        metrics: Names of the objectives, in the order of the trial's values.
    """

    def __init__(
        self, shared: SharedStudy, *, number: int, token: str, pruner: Mapping[str, Any], metrics: Sequence[str]
    ) -> None:
        self.shared = shared
        self.number = number
        self.token = token
        self.metrics = metrics
        self.measures: dict[str, float] = {}
        self.logged: dict[str, float] = {}
        """The latest logged value of each metric; `val/…` are those of the best checkpoint once that has been scored."""
        study = optuna.load_study(
            study_name=shared.name, storage=shared.storage, sampler=RandomSampler(), pruner=build_pruner(pruner)
        )
        self._trial = Trial(study, shared.trials()[number]._trial_id)

    def begin(self, process: ProcessName, *, is_resumed: bool) -> None:
        """Register the process that runs the trial; `is_resumed` if it resumes an earlier attempt.

        Raises: Superseded if another sweep has claimed the trial.
        """
        with self.shared.store.held():
            trial = owned(self.shared, number=self.number, token=self.token)
            owner = Owner.of(trial.user_attrs) if trial is not None else None
            if trial is None or owner is None:
                raise Superseded
            self._trial.set_user_attr(OWNER, replace(owner, process=process).as_json())
            self._began = time.monotonic() - (trial.user_attrs.get(SPENT, 0.0) if is_resumed else 0.0)

    def report(self, value: float, *, epoch: int, is_last: bool) -> None:
        """Report the monitored metric after an epoch, counted from 1.

        Raises:
            Pruned: The pruner stops the trial. Never after the last epoch, whose cost has been paid.
            Superseded: Another sweep has claimed the trial.
        """
        known = owned(self.shared, number=self.number, token=self.token)
        # Checked at every epoch: a process that was stopped for a while may have lost its trial to another sweep.
        if known is None:
            raise Superseded
        self._spend()
        is_single = len(self._trial.study.directions) == 1
        is_new = epoch not in known.intermediate_values  # a resumed trial may repeat its last epoch
        if is_new and is_single:
            self._trial.report(value, step=epoch)
        elif is_new:  # `Trial.report` refuses studies with several objectives
            self._trial.storage.set_trial_intermediate_value(self._trial._trial_id, epoch, value)
        if not is_last and is_single and self._trial.should_prune():
            raise Pruned(f"pruned after epoch {epoch}, at {value:.4g}")

    def _spend(self) -> None:
        self._trial.set_user_attr(SPENT, time.monotonic() - self._began)

    def measure(self, **measures: float) -> None:
        """Record measurements of the trial's model."""
        self.measures |= measures
        self._trial.set_user_attr(MEASURES, self.measures)

    def end(self, state: TrialState, values: Sequence[float] | None = None) -> None:
        """Record the final state, unless another sweep has claimed the trial."""
        with self.shared.store.held():
            if owned(self.shared, number=self.number, token=self.token) is not None:
                self._spend()
                self._trial.study.tell(self.number, values, state=state)


def finite(values: Mapping[str, float]) -> list[float]:
    """Return the values of the objectives.

    Raises: ValueError if one is not finite, because a search cannot compare it.
    """
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value}; expected a finite number")
    return list(values.values())


current: LiveTrial | Check | None = None
"""The trial of this process; None if it runs none."""
