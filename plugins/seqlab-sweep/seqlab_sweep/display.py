"""Show the progress of a sweep: a live table on a terminal, and one line per event."""

from collections import Counter
from collections.abc import Collection, Sequence
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
"""Characters per line in a file or pipe: wide enough that rich never wraps a line."""


def console_of(console: Console | None = None) -> Console:
    """Return `console`, or one for standard output; lines are not wrapped unless it is a terminal."""
    console = console or Console()
    return console if console.is_terminal else Console(file=console.file, width=_PLAIN_WIDTH)


@final
class Display:
    """Shows the trials of a study inside a `with` block.

    Args:
        shared: The study.
        n_trials: The number of trials the study should have, not counting queued retries.
        console: Where to print; None means standard output.
    """

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
        """Print a line, above the table if there is one."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def ended(self, number: int) -> None:
        """Print the outcome of a trial."""
        trials = self.shared.trials()
        n_ended, n_all = _progress(trials, self.n_trials)
        self.say(f"[{n_ended}/{n_all}] {outcome(trials[number], self.facts)}{_best(self.shared)}")

    def refresh(self, running: Collection[int]) -> None:
        """Redraw the table; `running` are the trials of this sweep."""
        if self._live:
            self._live.update(_table(self.shared, running, self.n_trials, self.facts), refresh=True)


def outcome(trial: FrozenTrial, facts: StudyFacts) -> str:
    """Describe the outcome of a trial in one line."""
    spent = seconds_of(trial)
    seconds = f" in {spent:.1f} s" if spent is not None else ""
    epochs = len(trial.intermediate_values)
    by_state = {
        TrialState.COMPLETE: f"{values_of(trial, facts)} after {epochs} epochs{seconds}",
        TrialState.PRUNED: f"pruned after epoch {trial.last_step} at {_last(trial)}{seconds}",
        TrialState.FAIL: f"failed: {headline(trial.user_attrs.get(FAILURE, ''))}",
        TrialState.RUNNING: f"running, epoch {trial.last_step or 0}: {_last(trial)}",
        TrialState.WAITING: "queued",
    }
    return f"trial {trial.number}: {by_state[trial.state]}  ({_params(trial)})"


def values_of(trial: FrozenTrial, facts: StudyFacts) -> str:
    """Return the values of a complete trial, with names if there are several."""
    objectives = facts.objectives or []
    if len(objectives) < 2:
        return ", ".join(f"{value:.4g}" for value in trial.values or [])
    return ", ".join(f"{one['name']} {value:.4g}" for one, value in zip(objectives, trial.values or [], strict=False))


def shown(value: object) -> str:
    """Return a parameter as text; floats have four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _params(trial: FrozenTrial) -> str:
    return " ".join(f"{key}={shown(value)}" for key, value in trial.params.items())


def _progress(trials: Sequence[FrozenTrial], n_trials: int) -> tuple[int, int]:
    """Return the number of trials that have ended and the number expected in all, queued retries included."""
    return sum(trial.state.is_finished() for trial in trials), n_trials + len(trials) - n_asked(trials)


def _last(trial: FrozenTrial) -> str:
    return f"{trial.intermediate_values[trial.last_step]:.4g}" if trial.last_step is not None else "nothing yet"


def _best(shared: SharedStudy) -> str:
    numbers = best_numbers(shared)
    if not numbers:
        return ""
    if len(shared.study.directions) > 1:
        return f"; {len(numbers)} trials on the Pareto front"
    return f"; best {shared.trials()[numbers[0]].value:.4g} (trial {numbers[0]})"


def _table(shared: SharedStudy, running: Collection[int], n_trials: int, facts: StudyFacts) -> Table:
    trials = shared.trials()
    n_of = Counter(trial.state for trial in trials)
    n_ended, n_all = _progress(trials, n_trials)
    n_pruned, n_failed = n_of[TrialState.PRUNED], n_of[TrialState.FAIL]
    title = f"{shared.name}: {n_ended} of {n_all} ended, {n_pruned} pruned, {n_failed} failed{_best(shared)}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("trial", "epoch", facts.monitor or "last", "parameters"):
        table.add_column(heading)
    for number in sorted(running):
        trial = trials[number]
        table.add_row(str(number), str(trial.last_step or 0), _last(trial), _params(trial))
    return table
