"""Run the trials of a study, several at a time, until it has `n_trials` of them."""

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
"""How often to look for trials to claim while others run."""
_SECONDS_TO_LEAVE = 5.0
"""Grace period between terminating a process and killing it."""


def sweep(given: Mapping[str, Any], arguments: Sequence[str], *, config: DictConfig, loader: ConfigLoader) -> None:
    """Run the remaining trials of the study; `given` are the sweeper's options, `arguments` the overrides of the command."""
    planned = plan(given, arguments, config=config, loader=loader)
    context = started_forkserver(n_threads=planned.options.n_threads())
    shared, change = settled(planned, context=context)
    with Display(shared, n_trials=planned.n_trials) as display:
        display.say(f"study {shared.name}: {len(shared.trials())} of {planned.n_trials} trials so far, in {planned.store}")
        if change:
            display.say(f"warning: {change}; their values may not be comparable")
        _Sweep(planned, shared, display=display, context=context).run()


def started_forkserver(*, n_threads: int) -> ForkServerContext:
    """Start a fork server, which preloads what trials need, and return its context."""
    # Must be set before torch is imported in the server: OpenMP reads it once.
    os.environ.setdefault("OMP_NUM_THREADS", str(n_threads))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["seqlab_sweep.preloaded"])
    forkserver.ensure_running()
    return context


@final
class _Sweep:
    """The trials that this process runs."""

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
        """Run trials until none is left to claim; on an interrupt, end the running ones."""
        try:
            while self._start_all():
                self._beat()
                self.display.refresh([claim.number for claim, _ in self.running.values()])
                for process in self._ended():
                    self._settle(process)
        except KeyboardInterrupt:
            self.display.say("interrupted; run the same command again to resume the study")
            raise
        finally:
            self._end_all()
        self._conclude()

    def _start_all(self) -> bool:
        """Start as many trials as workers are free; return whether there is anything to wait for."""
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
            event = "resumed after an interruption" if claim.is_resumed else "restarted"
            self.display.say(f"trial {claim.number}: {event} (attempt {claim.attempt})")
        job = Job(
            words=self.plan.command(claim.params, folder=folder),
            folder=folder,
            store=self.plan.store,
            study=self.shared.name,
            number=claim.number,
            token=claim.token,
            pruner=self.plan.options.pruner,
            metrics=[objective.name for objective in self.plan.options.numbered_objectives],
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
        """Wait for up to a tick and return the processes that have ended."""
        if not self.running:
            time.sleep(min(_TICK_SECONDS, self.claims.seconds_to_wait()))
            return []
        # With a timeout, so that heartbeats go on while trials run.
        ended = connection.wait([process.sentinel for process in self.running], timeout=_TICK_SECONDS)
        return [process for process in self.running if process.sentinel in ended]

    def _settle(self, process: ForkServerProcess) -> None:
        """Record the end of a trial whose process failed (others record it themselves) and print the outcome."""
        process.join()
        claim, job = self.running.pop(process)
        assert process.exitcode is not None
        if process.exitcode != 0:
            reason = failure(process.exitcode, job.folder / LOG)
            again = self.claims.failed(claim, reason)
            if again is not None:
                self.display.say(f"trial {claim.number}: failed, will be retried: {headline(reason)}")
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
        folder = self.plan.folder
        if best_numbers(self.shared):
            commands = f"`seqlab sweep best {folder}` shows the best trial, `seqlab sweep status {folder}` lists all"
            self.display.say(f"the study is complete; {commands}")
            return
        advice = "raise hydra.sweeper.n_trials to run more"
        if any(trial.state == TrialState.PRUNED for trial in self.shared.trials()):
            advice += ", or prune less (hydra/sweeper/pruner=none; for asha, pruner.bootstrap_count=0 or a higher min_resource)"
        self.display.say(f"the study has ended without a complete trial: {states(self.shared)}; {advice}")
