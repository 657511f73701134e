"""Decide which sweep runs which trial. Claims are made one at a time: no trial runs twice, and no study gets too many.

If the sweep that ran a trial has died, the trial is claimed again under its own number. Sweeps on this machine are checked by
their process; sweeps on other machines must keep incrementing a heartbeat counter in the study.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, final

from optuna.distributions import BaseDistribution
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
    """Counted from 1."""
    params: Mapping[str, Any]
    first: int = 1
    """The attempt that started from scratch; all attempts since then were interrupted, not failed."""

    @property
    def is_resumed(self) -> bool:
        """Whether there is an interrupted attempt to resume."""
        return self.attempt > self.first


@final
class Claims:
    """Claims the trials of a study for one sweep.

    Args:
        shared: The study.
        runner: The process of the sweep.
        space: The distribution of each parameter.
        sampler: Returns the sampler for a trial number.
        n_trials: The number of trials the study should have, not counting queued retries.
        retries: How many more attempts a failed trial gets.
        lost_after_seconds: Seconds without a heartbeat after which the trials of another machine are taken over.
    """

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
        self.n_trials = n_trials
        self.retries = retries
        self.lost_after_seconds = lost_after_seconds
        self._n_beats = 0
        self._seen: dict[str, tuple[int, float]] = {}
        """Heartbeat name of a sweep on another machine -> its counter, and when we first saw that value."""
        self._alive: set[str] = set()
        """Heartbeat names whose counter we have seen change."""

    def beat(self) -> None:
        """Increment the heartbeat of this sweep."""
        self._n_beats += 1
        self.shared.study.set_user_attr(_heartbeat_of(self.runner), self._n_beats)

    def next(self) -> Claim | None:
        """Claim a trial: an interrupted one if there is any, else a queued one, else a new one; None if none is left."""
        with self.shared.store.held():
            trials = self.shared.trials()
            # Interrupted trials first: their parameters are drawn and part of their work is done.
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
        """Record a failed attempt and claim the next attempt; None if no retries are left.

        Nothing is recorded if the trial has ended on its own or another sweep has claimed it.
        """
        with self.shared.store.held():
            trial = owned(self.shared, number=claim.number, token=claim.token)
            # Another sweep may have taken the trial over while this process believed it was its own.
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
        """Return whether the study lists a trial as running although its sweep is gone."""
        if trial.state != TrialState.RUNNING:
            return False
        owner = Owner.of(trial.user_attrs)
        if owner is None:  # a claim holds the store until it has set the owner, so its sweep was killed halfway
            return True
        return not owner.runner.is_alive() if owner.runner.is_here else self._is_silent(owner.runner)

    def seconds_to_wait(self) -> float:
        """Return the seconds until we know whether every other machine still runs its trials; 0 if we know already."""
        owners = [Owner.of(trial.user_attrs) for trial in self.shared.trials() if trial.state == TrialState.RUNNING]
        far = {_heartbeat_of(owner.runner) for owner in owners if owner and not owner.runner.is_here} - self._alive
        waits = [self.lost_after_seconds - (time.monotonic() - self._seen[one][1]) for one in far if one in self._seen]
        return max(0.1, *waits) if waits else 0.0

    def _is_silent(self, runner: ProcessName) -> bool:
        # Counters are compared with our own clock: the clocks of two machines may disagree.
        key, now = _heartbeat_of(runner), time.monotonic()
        n_beats = int(self.shared.study.user_attrs.get(key, 0))
        seen, since = self._seen.setdefault(key, (n_beats, now))
        if seen != n_beats:
            self._alive.add(key)
            self._seen[key] = (n_beats, now)
            since = now
        return now - since >= self.lost_after_seconds

    def _taken_over(self, trial: FrozenTrial) -> Claim:
        owner = Owner.of(trial.user_attrs)
        if owner and owner.process and owner.process.is_here:
            end(owner.process)  # it would end on its own soon, but must be gone before we write to its folder
        attempt = int(trial.user_attrs.get(ATTEMPTS, 0)) + 1
        first = int(trial.user_attrs.get(FIRST, attempt))  # absent if the sweep died before its claim was recorded
        missing = {name: distribution for name, distribution in self.space.items() if name not in trial.params}
        if missing:  # the sweep died while it drew the parameters
            with self._drawing(trial.number):
                live = Trial(self.shared.study, trial._trial_id)
                for name, distribution in missing.items():
                    live._suggest(name, distribution)  # as `Study.ask` does; the public methods take no distribution
        return self._claimed(self.shared.trials()[trial.number], attempt=attempt, first=first)

    @contextmanager
    def _drawing(self, number: int) -> Iterator[None]:
        """Use the sampler of trial `number` for drawing only: a `GridSampler` left in place would stop the study."""
        self.shared.study.sampler, idle = self.sampler(number), self.shared.study.sampler
        try:
            yield
        finally:
            self.shared.study.sampler = idle

    def _claimed(self, trial: FrozenTrial, *, attempt: int, first: int) -> Claim:
        # A new token for every attempt, so that a process of an earlier attempt can no longer write.
        owner = Owner(uuid.uuid4().hex, self.runner)
        self.shared.note(trial, **{ATTEMPTS: attempt, FIRST: first, OWNER: owner.as_json()})
        return Claim(trial.number, owner.token, attempt, dict(trial.params), first)


def owned(shared: SharedStudy, *, number: int, token: str) -> FrozenTrial | None:
    """Return a trial that still runs under the claim `token`; None if it has ended or been claimed by another sweep."""
    trial = shared.trials()[number]
    owner = Owner.of(trial.user_attrs)
    return trial if trial.state == TrialState.RUNNING and owner is not None and owner.token == token else None


def _heartbeat_of(runner: ProcessName) -> str:
    return f"{HEARTBEAT}{runner.machine} {runner.pid} {runner.started}"
