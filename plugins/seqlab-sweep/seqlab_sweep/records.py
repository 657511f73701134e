"""Convert a study to the plain values that `seqlab sweep export` writes and `seqlab report` reads."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from seqlab_sweep.attributes import ATTEMPTS, FAILURE, FAILURES, FOLDER, MEASURES, RETRY_OF, SPENT, Owner
from seqlab_sweep.space import override_value
from seqlab_sweep.study import SharedStudy

FORMAT = "seqlab-sweep/1"
"""Version of the export format; it changes whenever a key changes."""
INTERRUPTED = "interrupted"
STATES = ("complete", "pruned", "failed", "running", INTERRUPTED, "waiting")
_NAMES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.WAITING: "waiting",
}
_MIN_COMPLETE = 4
"""Complete trials needed to estimate which parameter matters."""


def export(shared: SharedStudy) -> dict[str, Any]:
    """Return the whole study as plain values."""
    facts, trials = shared.facts, [trial_record(trial) for trial in shared.trials()]
    return {
        "format": FORMAT,
        "study": shared.name,
        "storage": str(shared.store),
        "folder": facts.folder,
        "monitor": facts.monitor,
        "objectives": facts.objectives or [],
        "sampler": facts.sampler,
        "pruner": facts.pruner,
        "n_trials": facts.n_trials,
        "overrides": facts.overrides or [],
        "space": facts.space or {},
        "best": best_numbers(shared),
        "importance": importance(shared),
        "counts": counts(trials),
        "trials": trials,
    }


def trial_record(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial as plain values."""
    attributes = trial.user_attrs
    return {
        "number": trial.number,
        "state": state_of(trial),
        "values": trial.values,
        "params": trial.params,
        "overrides": [f"{key}={override_value(value)}" for key, value in trial.params.items()],
        "intermediate": [[epoch, value] for epoch, value in sorted(trial.intermediate_values.items())],
        "epochs": trial.last_step or 0,
        "folder": attributes.get(FOLDER),
        "started": _time(trial.datetime_start),
        "ended": _time(trial.datetime_complete),
        "seconds": seconds_of(trial),
        "failure": attributes.get(FAILURE),
        "failures": attributes.get(FAILURES, []),
        "attempts": attributes.get(ATTEMPTS, 0),
        "retry_of": attributes.get(RETRY_OF),
        "measures": attributes.get(MEASURES, {}),
    }


def seconds_of(trial: FrozenTrial) -> float | None:
    """Return the running time of an ended trial, without the time between its attempts; None if it has not ended."""
    if trial.duration is None:
        return None
    spent: float | None = trial.user_attrs.get(SPENT)
    return spent if spent is not None else trial.duration.total_seconds()


def state_of(trial: FrozenTrial) -> str:
    """Return the state of a trial; one that another machine claims to run counts as running."""
    if trial.state != TrialState.RUNNING:
        return _NAMES[trial.state]
    owner = Owner.of(trial.user_attrs)
    # A process of another machine cannot be checked from here, so its trial counts as running.
    is_gone = owner is None or (owner.runner.is_here and not owner.runner.is_alive())
    return INTERRUPTED if is_gone else "running"


def best_numbers(shared: SharedStudy) -> list[int]:
    """Return the number of the best trial, or those of the Pareto front; empty if no trial is complete."""
    if not any(trial.state == TrialState.COMPLETE for trial in shared.trials()):
        return []
    if len(shared.study.directions) > 1:
        return sorted(trial.number for trial in shared.study.best_trials)
    return [shared.study.best_trial.number]


def importance(shared: SharedStudy) -> dict[str, float] | None:
    """Return the importance of each parameter (PED-ANOVA, Watanabe et al. 2023).

    None if there are several objectives or too few complete trials.
    """
    n_complete = sum(trial.state == TrialState.COMPLETE for trial in shared.trials())
    if len(shared.study.directions) > 1 or n_complete < _MIN_COMPLETE:
        return None
    return dict(get_param_importances(shared.study, evaluator=PedAnovaImportanceEvaluator()))


def counts(trials: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return the number of trial records in each state."""
    return {state: sum(trial["state"] == state for trial in trials) for state in STATES}


def states(shared: SharedStudy) -> str:
    """Return the number of trials in each state as text, as in `3 pruned, 1 failed`."""
    n_of = Counter(map(state_of, shared.trials()))
    return ", ".join(f"{n_of[state]} {state}" for state in STATES if n_of[state]) or "none"


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
