"""The process of a trial: an ordinary `seqlab train` whose output, result and exit status are recorded.

Processes are forked from a server that has imported everything but run nothing (`multiprocessing`'s forkserver), so trials
start quickly. A trial ends when its sweep does, even if the sweep is killed.
"""

import faulthandler
import json
import multiprocessing
import os
import signal
import sys
import threading
import traceback
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from optuna.trial import TrialState

from seqlab.cli import train
from seqlab.config.imports import described
from seqlab.errors import ConfigError, SeqlabError
from seqlab_sweep import trial as trials
from seqlab_sweep.processes import named
from seqlab_sweep.searching import MONITOR
from seqlab_sweep.stores import Store
from seqlab_sweep.study import SharedStudy
from seqlab_sweep.trial import Check, Checked, LiveTrial, Pruned, Superseded, finite

LOG = "trial.log"
"""File in a trial's folder with everything that the trial prints."""
FAILED, MISTAKEN = 1, 2
"""Exit status after an unexpected error, and after one that the user can fix."""
_ORPHANED = 3
"""Exit status of a trial whose sweep is gone."""


@dataclass(frozen=True)
class Job:
    """Everything that a process needs to run a trial."""

    words: Sequence[str]
    """The command line after `seqlab train`."""
    folder: Path
    store: Store
    study: str
    number: int
    token: str
    pruner: Mapping[str, Any]
    metrics: Sequence[str]
    earlier: Sequence[Path]
    """The folders of interrupted attempts to resume, latest first."""


def run_trial(job: Job) -> None:
    """Run a trial in this process and exit with its status."""
    _stay_with_parent()
    _write_to(job.folder / LOG)
    try:
        status = _run(job)
    except BaseException:  # noqa: BLE001 (any error goes to the log, and the sweep continues)
        traceback.print_exc()
        status = FAILED
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(status)


def run_check(words: Sequence[str], metrics: Sequence[str], folder: Path, answer: Connection) -> None:
    """Start a run in this process, end it before its first batch, and send the monitored metric or the error."""
    _stay_with_parent()
    _write_to(folder / LOG)
    trials.current = Check(metrics)
    try:
        train.run(words)
        answer.send({"error": "the first trial would not train; a sweep needs train=true"})
    except Checked as checked:
        answer.send({"monitor": str(checked)})
    except SeqlabError as error:
        answer.send({"error": str(error)})
    except Exception as error:  # noqa: BLE001 (any error is reported in one line)
        traceback.print_exc()
        answer.send({"error": f"the first trial would fail: {described(error, module='seqlab')}"})


def _run(job: Job) -> int:
    shared = SharedStudy.found(job.store, job.study)
    live = LiveTrial(shared, number=job.number, token=job.token, pruner=job.pruner, metrics=job.metrics)
    trials.current = live
    try:
        live.begin(named(os.getpid()), is_resumed=bool(job.earlier))
        checkpoint = last_checkpoint(job.earlier)
        train.run([*job.words, *([f"ckpt_path='{checkpoint}'"] if checkpoint else [])])
        live.end(TrialState.COMPLETE, finite(_values(job, live)))
    except Pruned as reason:
        _log(str(reason))
        live.end(TrialState.PRUNED)
    except Superseded:
        _log("superseded: another sweep has taken over this trial")
    except SeqlabError as error:
        _log(f"error: {error}")
        return MISTAKEN
    return 0


def last_checkpoint(folders: Sequence[Path]) -> Path | None:
    """Return the first complete checkpoint in `folders`; an attempt may be killed before or while it writes one."""
    from seqlab.training.checkpoints import LAST

    paths = [folder / "checkpoints" / LAST for folder in folders]
    return next((path for path in paths if zipfile.is_zipfile(path)), None)


def _values(job: Job, live: LiveTrial) -> dict[str, float]:
    """Return the objectives of a finished run: from its measures, else its metrics.json, else its last logged values.

    Raises: ConfigError if one of them is missing.
    """
    from seqlab.metrics.flat_scores import flat_scores

    scores = json.loads((job.folder / "metrics.json").read_text(encoding="utf-8"))
    training = scores.pop("training")
    known = live.logged | flat_scores(scores) | live.measures
    best = training["best"] if training["best"] is not None else known.get(training["monitor"])
    values: dict[str, float] = {}
    for name in job.metrics:
        value = best if name == MONITOR else known.get(name)
        if value is None:
            raise ConfigError(f"the run ended without logging {name} in this attempt; `seqlab sweep retry` starts it afresh")
        values[name] = value
    return values


def _stay_with_parent() -> None:
    """Ignore interrupts, which the sweep handles, and exit when the sweep does."""
    # A terminal sends Ctrl-C to the whole process group, trials included.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(_ORPHANED)  # from a thread `sys.exit` would end that thread only


def _log(line: str) -> None:
    """Write a line to the trial's log, to which `_write_to` has redirected the output."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _write_to(path: Path) -> None:
    """Redirect the output of this process to a file, by descriptor so that C libraries write there as well."""
    # Appending, because the descriptors of standard output and error share the file.
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    # A crash in C leaves no Python traceback; this prints one to the log.
    faulthandler.enable()
