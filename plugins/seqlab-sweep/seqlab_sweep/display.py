"""How a sweep shows what happens: a table that stays up to date on a terminal, a line an event elsewhere."""

from collections.abc import Collection
from typing import final

from optuna.trial import FrozenTrial, TrialState
from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table

from seqlab_sweep.attributes import FAILURE, StudyFacts
from seqlab_sweep.failures import headline
from seqlab_sweep.records import best_numbers, seconds_of
from seqlab_sweep.study import SharedStudy, n_asked

_PLAIN_WIDTH = 10_000
"""Characters a line where the output is no terminal: a line an event, whatever its length."""


def console_of(found: Console | None = None) -> Console:
    """Return `found`, else a console of this process; where that is no terminal, one that breaks no line."""
    found = found or Console()
    return found if found.is_terminal else Console(file=found.file, width=_PLAIN_WIDTH)


@final
class Display:
    """Shows the trials of a study while `with` lasts."""

    def __init__(self, shared: SharedStudy, *, n_trials: int, console: Console | None = None) -> None:
        self.shared = shared
        self.n_trials = n_trials
        self.facts: StudyFacts = shared.facts
        self.console = console_of(console)
        self._live = Live(console=self.console, auto_refresh=False, transient=True) if self.console.is_terminal else None

    def __enter__(self) -> "Display":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live:
            self._live.stop()

    def say(self, text: str) -> None:
        """Print a line, above the table where there is one."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def ended(self, number: int) -> None:
        """Print what became of a trial."""
        trials = self.shared.trials()
        n_ended = sum(trial.state.is_finished() for trial in trials)
        total = self.n_trials + len(trials) - n_asked(trials)
        self.say(f"[{n_ended}/{total}] {outcome(trials[number], self.facts)}{_best(self.shared)}")

    def refresh(self, running: Collection[int]) -> None:
        """Draw the table anew; `running` are the trials of this sweep."""
        if self._live:
            self._live.update(_table(self.shared, running, self.n_trials, self.facts), refresh=True)


def outcome(trial: FrozenTrial, facts: StudyFacts) -> str:
    """Return what became of a trial, in a line."""
    params = " ".join(f"{key}={shown(value)}" for key, value in trial.params.items())
    spent = seconds_of(trial)
    seconds = f" in {spent:.1f} s" if spent is not None else ""
    epochs = len(trial.intermediate_values)
    said = {
        TrialState.COMPLETE: f"{values_of(trial, facts)} after {epochs} epochs{seconds}",
        TrialState.PRUNED: f"pruned after epoch {trial.last_step} at {_last(trial)}{seconds}",
        TrialState.FAIL: f"failed: {headline(trial.user_attrs.get(FAILURE, ''))}",
        TrialState.RUNNING: f"runs, epoch {trial.last_step or 0}: {_last(trial)}",
        TrialState.WAITING: "is queued",
    }
    return f"trial {trial.number}: {said[trial.state]}  ({params})"


def values_of(trial: FrozenTrial, facts: StudyFacts) -> str:
    """Return the values of a trial that is complete, named where there are several."""
    objectives = facts.objectives or []
    if len(objectives) < 2:
        return ", ".join(f"{value:.4g}" for value in trial.values or [])
    return ", ".join(f"{one['name']} {value:.4g}" for one, value in zip(objectives, trial.values or [], strict=False))


def shown(value: object) -> str:
    """Return a parameter, a number to four places."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _last(trial: FrozenTrial) -> str:
    return f"{trial.intermediate_values[trial.last_step]:.4g}" if trial.last_step is not None else "nothing yet"


def _best(shared: SharedStudy) -> str:
    numbers = best_numbers(shared)
    if not numbers:
        return ""
    if len(shared.study.directions) > 1:
        return f"; the front has {len(numbers)} trials"
    return f"; best {shared.trials()[numbers[0]].value:.4g} (trial {numbers[0]})"


def _table(shared: SharedStudy, running: Collection[int], n_trials: int, facts: StudyFacts) -> Table:
    trials = shared.trials()
    counts = {state: sum(trial.state == state for trial in trials) for state in TrialState}
    n_ended, n_all = sum(trial.state.is_finished() for trial in trials), n_trials + len(trials) - n_asked(trials)
    title = (
        f"{shared.name}: {n_ended} of {n_all} ended"
        f", {counts[TrialState.PRUNED]} pruned, {counts[TrialState.FAIL]} failed{_best(shared)}"
    )
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("trial", "epoch", facts.monitor or "last", "parameters"):
        table.add_column(heading)
    for number in sorted(running):
        trial = trials[number]
        params = " ".join(f"{key}={shown(value)}" for key, value in trial.params.items())
        table.add_row(str(number), str(trial.last_step or 0), _last(trial), params)
    return table
