"""Who runs which trial: claims are made one at a time, so that no trial is run twice and none is one too many.

A trial whose sweep and process are gone is claimed anew under its own number. Processes of this machine are looked up; those of
another must show a sign of life, a counter in the study that rises.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, final

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from seqlab_sweep.attributes import ATTEMPTS, FAILURE, FAILURES, FIRST, HEARTBEAT, OWNER, Owner
from seqlab_sweep.processes import ProcessName, end
from seqlab_sweep.study import SharedStudy, n_asked


@dataclass(frozen=True)
class Claim:
    """A trial to run."""

    number: int
    token: str
    attempt: int
    """1 for the first."""
    params: Mapping[str, Any]
    first: int = 1
    """The attempt that began from zero: those between were interrupted, and did not fail."""

    @property
    def goes_on(self) -> bool:
        """Whether there is an earlier attempt to go on from."""
        return self.attempt > self.first


@final
class Claims:
    """Claims trials of a study for the sweep `runner`."""

    def __init__(
        self,
        shared: SharedStudy,
        *,
        runner: ProcessName,
        space: Mapping[str, BaseDistribution],
        sampler: Callable[[int], BaseSampler],
        n_trials: int,
        retries: int,
        lost_after_seconds: float,
    ) -> None:
        self.shared = shared
        self.runner = runner
        self.space = space
        self.sampler = sampler
        """Gives the sampler of the trial with a number."""
        self.n_trials = n_trials
        self.retries = retries
        self.lost_after_seconds = lost_after_seconds
        self._n_beats = 0
        self._seen: dict[str, tuple[int, float]] = {}
        """By sweep on another machine: its counter, and when we first saw it there."""
        self._alive: set[str] = set()
        """Those whose counter we saw rise."""

    def beat(self) -> None:
        """Show a sign of life."""
        self._n_beats += 1
        self.shared.study.set_user_attr(_heartbeat_of(self.runner), self._n_beats)

    def next(self) -> Claim | None:
        """Return a trial to run: one that was interrupted, one that is queued, or a new one; None: all are claimed."""
        with self.shared.store.held():
            trials = self.shared.trials()
            lost = next((trial for trial in trials if self.is_lost(trial)), None)
            if lost is not None:
                return self._taken_over(lost)
            is_queued = any(trial.state == TrialState.WAITING for trial in trials)
            if not is_queued and n_asked(trials) >= self.n_trials:
                return None
            with self._drawing(len(trials)):
                number = self.shared.study.ask(dict(self.space)).number
            return self._claimed(self.shared.trials()[number], attempt=1, first=1)

    def failed(self, claim: Claim, failure: str) -> Claim | None:
        """Record that an attempt at a trial failed; return the claim on the next attempt, None where there is none.

        Nothing is recorded where the trial has ended well, or another sweep has claimed it since.
        """
        with self.shared.store.held():
            trial = owned(self.shared, number=claim.number, token=claim.token)
            if trial is None:
                return None
            earlier = trial.user_attrs.get(FAILURES, [])
            if len(earlier) < self.retries:
                self.shared.note(trial, **{FAILURES: [*earlier, failure]})
                return self._claimed(trial, attempt=claim.attempt + 1, first=claim.attempt + 1)
            self.shared.note(trial, **{FAILURE: failure})
            self.shared.study.tell(claim.number, state=TrialState.FAIL)
            return None

    def is_lost(self, trial: FrozenTrial) -> bool:
        """Return whether a trial is said to run, and nobody runs it."""
        if trial.state != TrialState.RUNNING:
            return False
        owner = Owner.of(trial.user_attrs)
        if owner is None:  # its sweep was killed while it asked for it: whoever asks holds the store
            return True
        return not owner.runner.is_alive() if owner.runner.is_here else self._is_silent(owner.runner)

    def seconds_to_wait(self) -> float:
        """Return how long it takes until it is known of every other machine whether it still runs its trials; 0 when it is."""
        owners = [Owner.of(trial.user_attrs) for trial in self.shared.trials() if trial.state == TrialState.RUNNING]
        far = {_heartbeat_of(owner.runner) for owner in owners if owner and not owner.runner.is_here} - self._alive
        waits = [self.lost_after_seconds - (time.monotonic() - self._seen[one][1]) for one in far if one in self._seen]
        return max(0.1, *waits) if waits else 0.0

    def _is_silent(self, runner: ProcessName) -> bool:
        key, now = _heartbeat_of(runner), time.monotonic()
        n_beats = int(self.shared.study.user_attrs.get(key, 0))
        if key in self._seen and self._seen[key][0] != n_beats:
            self._alive.add(key)
        if key not in self._seen or self._seen[key][0] != n_beats:
            self._seen[key] = (n_beats, now)
        return now - self._seen[key][1] >= self.lost_after_seconds

    def _taken_over(self, trial: FrozenTrial) -> Claim:
        owner = Owner.of(trial.user_attrs)
        if owner and owner.process and owner.process.is_here:
            end(owner.process)  # it ends by itself when its sweep does, and must be gone before another writes in its folder
        attempt = int(trial.user_attrs.get(ATTEMPTS, 0)) + 1
        first = int(trial.user_attrs.get(FIRST, attempt))  # nobody has claimed it where there is none
        missing = {name: one for name, one in self.space.items() if name not in trial.params}
        if missing:
            self._complete(trial, missing)
        return self._claimed(self.shared.trials()[trial.number], attempt=attempt, first=first)

    def _complete(self, trial: FrozenTrial, missing: Mapping[str, BaseDistribution]) -> None:
        """Draw what a trial lacks: its sweep was killed in the middle of asking for it."""
        with self._drawing(trial.number):
            live = Trial(self.shared.study, trial._trial_id)
            for name, distribution in missing.items():
                _suggest(live, name, distribution)

    @contextmanager
    def _drawing(self, number: int) -> Iterator[None]:
        """Let the sampler of a trial draw, and take no part in what else happens to the study: a grid would stop it."""
        self.shared.study.sampler, idle = self.sampler(number), self.shared.study.sampler
        try:
            yield
        finally:
            self.shared.study.sampler = idle

    def _claimed(self, trial: FrozenTrial, *, attempt: int, first: int) -> Claim:
        owner = Owner(uuid.uuid4().hex, self.runner)
        self.shared.note(trial, **{ATTEMPTS: attempt, FIRST: first, OWNER: owner.as_json()})
        return Claim(trial.number, owner.token, attempt, dict(trial.params), first)


def owned(shared: SharedStudy, *, number: int, token: str) -> FrozenTrial | None:
    """Return a trial that still runs under a claim; None where it has ended, or somebody else has claimed it since."""
    trial = shared.trials()[number]
    owner = Owner.of(trial.user_attrs)
    return trial if trial.state == TrialState.RUNNING and owner is not None and owner.token == token else None


def _suggest(trial: Trial, name: str, distribution: BaseDistribution) -> None:
    if isinstance(distribution, CategoricalDistribution):
        trial.suggest_categorical(name, distribution.choices)
    elif isinstance(distribution, IntDistribution):
        trial.suggest_int(name, distribution.low, distribution.high, step=distribution.step, log=distribution.log)
    elif isinstance(distribution, FloatDistribution):
        trial.suggest_float(name, distribution.low, distribution.high, step=distribution.step, log=distribution.log)


def _heartbeat_of(runner: ProcessName) -> str:
    return f"{HEARTBEAT}{runner.machine} {runner.pid} {runner.started}"
