"""`sweep`: runs the trials of a study, several at a time, until it has as many as it should."""

import multiprocessing
import os
import time
from collections.abc import Mapping, Sequence
from multiprocessing import connection, forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any, final

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig
from optuna.trial import TrialState

from seqlab_sweep.attributes import FOLDER
from seqlab_sweep.claims import Claim, Claims
from seqlab_sweep.display import Display
from seqlab_sweep.failures import failure, headline
from seqlab_sweep.folders import earlier_folders, make_folder
from seqlab_sweep.planning import Plan, plan, settled
from seqlab_sweep.processes import named
from seqlab_sweep.records import best_numbers, states
from seqlab_sweep.searching import build_sampler
from seqlab_sweep.study import SharedStudy
from seqlab_sweep.worker import LOG, Job, run_trial

_TICK_SECONDS = 1.0
_SECONDS_TO_LEAVE = 5.0
"""How long a process may take to end before it is killed."""


def sweep(given: Mapping[str, Any], arguments: Sequence[str], *, config: DictConfig, loader: ConfigLoader) -> None:
    """Run the trials that the study lacks; `given` are the options, `arguments` the overrides of the command."""
    planned = plan(given, arguments, config=config, loader=loader)
    context = started_forkserver(n_threads=planned.options.n_threads())
    shared, change = settled(planned, context=context)
    with Display(shared, n_trials=planned.n_trials) as display:
        display.say(f"study {shared.name}: {len(shared.trials())} of {planned.n_trials} trials so far, in {planned.store}")
        if change:
            display.say(f"warning: {change}; their values may not compare")
        _Sweep(planned, shared, display=display, context=context).run()


def started_forkserver(*, n_threads: int) -> ForkServerContext:
    """Return the context in which processes of trials start; what they share is loaded meanwhile."""
    os.environ.setdefault("OMP_NUM_THREADS", str(n_threads))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["seqlab_sweep.preloaded"])
    forkserver.ensure_running()
    return context


@final
class _Sweep:
    """The trials that this process has running."""

    def __init__(self, planned: Plan, shared: SharedStudy, *, display: Display, context: ForkServerContext) -> None:
        options = planned.options
        self.plan = planned
        self.shared = shared
        self.display = display
        self.context = context
        self.claims = Claims(
            shared,
            runner=named(os.getpid()),
            space=planned.space.parameters,
            sampler=lambda number: build_sampler(options.sampler, seed=options.seed, number=number, grid=planned.grid),
            n_trials=planned.n_trials,
            retries=options.retries,
            lost_after_seconds=options.lost_after_seconds,
        )
        self.running: dict[ForkServerProcess, tuple[Claim, Job]] = {}
        self._last_beat = float("-inf")

    def run(self) -> None:
        """Run trials until none is left to claim; interrupted, end those that run."""
        try:
            while self._goes_on():
                self._beat()
                self.display.refresh([claim.number for claim, _ in self.running.values()])
                for process in self._ended():
                    self._settle(process)
        except KeyboardInterrupt:
            self.display.say("interrupted; the same command goes on with the study")
            raise
        finally:
            self._end_all()
        self._conclude()

    def _goes_on(self) -> bool:
        """Start what can be started; return whether there is anything to wait for."""
        while len(self.running) < self.plan.options.n_workers:
            claim = self.claims.next()
            if claim is None:
                break
            self._start(claim)
        return bool(self.running) or self.claims.seconds_to_wait() > 0

    def _start(self, claim: Claim) -> None:
        folder = make_folder(self.plan.folder, claim.number, attempt=claim.attempt)
        earlier = earlier_folders(self.plan.folder, claim.number, attempts=range(claim.first, claim.attempt))
        self.shared.note(self.shared.trials()[claim.number], **{FOLDER: str(folder)})
        if claim.attempt > 1:
            how = "goes on, it was interrupted" if claim.goes_on else "starts again"
            self.display.say(f"trial {claim.number}: {how} (attempt {claim.attempt})")
        job = Job(
            words=self.plan.command(claim.params, folder=folder),
            folder=folder,
            store=self.plan.store,
            study=self.shared.name,
            number=claim.number,
            token=claim.token,
            pruner=self.plan.options.pruner,
            metrics=[one.name for one in self.plan.options.numbered_objectives],
            earlier=earlier,
        )
        process = self.context.Process(target=run_trial, args=(job,), name=f"trial {claim.number}")
        process.start()
        self.running[process] = (claim, job)

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._last_beat >= self.plan.options.heartbeat_seconds:
            self._last_beat = now
            self.claims.beat()

    def _ended(self) -> list[ForkServerProcess]:
        """Return the processes that have ended, after a moment in which one may."""
        if not self.running:
            time.sleep(min(_TICK_SECONDS, self.claims.seconds_to_wait()))
            return []
        ended = connection.wait([process.sentinel for process in self.running], timeout=_TICK_SECONDS)
        return [process for process in self.running if process.sentinel in ended]

    def _settle(self, process: ForkServerProcess) -> None:
        """Record how a trial ended, where it did not do so itself."""
        process.join()
        claim, job = self.running.pop(process)
        assert process.exitcode is not None
        if process.exitcode != 0:
            reason = failure(process.exitcode, job.folder / LOG)
            again = self.claims.failed(claim, reason)
            if again is not None:
                self.display.say(f"trial {claim.number}: failed, to be retried: {headline(reason)}")
                self._start(again)
                return
        self.display.ended(claim.number)

    def _end_all(self) -> None:
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.join(_SECONDS_TO_LEAVE)
            if process.exitcode is None:
                process.kill()
                process.join()

    def _conclude(self) -> None:
        name = self.plan.folder
        if best_numbers(self.shared):
            shows = f"`seqlab sweep best {name}` shows the best, `seqlab sweep status {name}` all"
            self.display.say(f"the study is complete; {shows}")
            return
        more = "raise hydra.sweeper.n_trials to go on"
        if any(trial.state == TrialState.PRUNED for trial in self.shared.trials()):
            more += ", or prune less (hydra/sweeper/pruner=none, of asha pruner.bootstrap_count=0 or a higher min_resource)"
        self.display.say(f"the study has ended, and no trial of it is complete: {states(self.shared)}; {more}")
