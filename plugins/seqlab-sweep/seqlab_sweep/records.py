"""A study as plain values: what `seqlab sweep export` writes, and reports read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from seqlab_sweep.attributes import ATTEMPTS, FAILURE, FAILURES, FOLDER, MEASURES, RETRY_OF, SPENT, Owner
from seqlab_sweep.space import spelt
from seqlab_sweep.study import SharedStudy

FORMAT = "seqlab-sweep/1"
"""Names the form of an export; it changes when a key does."""
INTERRUPTED = "interrupted"
STATES = ("complete", "pruned", "failed", "running", INTERRUPTED, "waiting")
_NAMES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.WAITING: "waiting",
}
_FEW = 4
"""Trials that are too few to say which parameter matters."""


def export(shared: SharedStudy) -> dict[str, Any]:
    """Return all that is known of a study."""
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
        "overrides": [f"{key}={spelt(value)}" for key, value in trial.params.items()],
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
    """Return for how long the trial ran, without the time between its attempts; None before it has ended."""
    if trial.duration is None:
        return None
    spent: float | None = trial.user_attrs.get(SPENT)
    return spent if spent is not None else trial.duration.total_seconds()


def state_of(trial: FrozenTrial) -> str:
    """Return the state; a trial that runs on another machine is taken at its word."""
    if trial.state != TrialState.RUNNING:
        return _NAMES[trial.state]
    owner = Owner.of(trial.user_attrs)
    is_gone = owner is None or (owner.runner.is_here and not owner.runner.is_alive())
    return INTERRUPTED if is_gone else "running"


def best_numbers(shared: SharedStudy) -> list[int]:
    """Return the numbers of the best trials: one, of several objectives the Pareto front; none where none is complete."""
    if not any(trial.state == TrialState.COMPLETE for trial in shared.trials()):
        return []
    if len(shared.study.directions) > 1:
        return sorted(trial.number for trial in shared.study.best_trials)
    return [shared.study.best_trial.number]


def importance(shared: SharedStudy) -> dict[str, float] | None:
    """Return the share of each parameter in what the good trials have in common (PED-ANOVA, Watanabe et al. 2023).

    None for several objectives, and where too few trials are complete to say.
    """
    n_complete = sum(trial.state == TrialState.COMPLETE for trial in shared.trials())
    if len(shared.study.directions) > 1 or n_complete < _FEW:
        return None
    return dict(get_param_importances(shared.study, evaluator=PedAnovaImportanceEvaluator()))


def counts(trials: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many trials are in each state."""
    return {state: sum(trial["state"] == state for trial in trials) for state in STATES}


def states(shared: SharedStudy) -> str:
    """Return how many trials are in which state, as in `3 pruned, 1 failed`."""
    found = counts([trial_record(trial) for trial in shared.trials()])
    return ", ".join(f"{n} {state}" for state, n in found.items() if n) or "none"


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
