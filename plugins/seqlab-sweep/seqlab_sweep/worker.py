"""The process of a trial: an ordinary `seqlab train`, whose output, end and numbers are kept.

Processes are forked off one that has loaded everything (`multiprocessing`'s forkserver) and has run nothing yet, so a trial
starts in a moment. A trial ends with its sweep, however that ends.
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
"""Everything that a trial prints, in its folder."""
FAILED, MISTAKEN = 1, 2
"""Exit status of a trial that broke, and of one whose settings cannot work."""
_ORPHANED = 3


@dataclass(frozen=True)
class Job:
    """What a process needs to run a trial."""

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
    """The folders of attempts that were interrupted, to go on from, the latest first."""


def run_trial(job: Job) -> None:
    """Run a trial in this process, and leave with its status."""
    _stay_with_parent()
    _write_to(job.folder / LOG)
    try:
        status = _run(job)
    except BaseException:  # noqa: BLE001 (whatever it is belongs in the log, and the sweep goes on)
        traceback.print_exc()
        status = FAILED
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(status)


def run_check(words: Sequence[str], metrics: Sequence[str], folder: Path, answer: Connection) -> None:
    """Begin a run in this process and end it before its first batch; answer what it monitors, or why it cannot begin."""
    _stay_with_parent()
    _write_to(folder / LOG)
    trials.current = Check(metrics)
    try:
        train.run(words)
        answer.send({"error": "the run ended before it trained; train=true is what a sweep needs"})
    except Checked as checked:
        answer.send({"monitor": str(checked)})
    except SeqlabError as error:
        answer.send({"error": str(error)})
    except Exception as error:  # noqa: BLE001 (told in one line, whatever it is)
        traceback.print_exc()
        answer.send({"error": f"the first trial would fail: {described(error, module='seqlab')}"})


def _run(job: Job) -> int:
    shared = SharedStudy.found(job.store, job.study)
    live = LiveTrial(shared, number=job.number, token=job.token, pruner=job.pruner, metrics=job.metrics)
    trials.current = live
    try:
        live.begin(named(os.getpid()), goes_on=bool(job.earlier))
        checkpoint = last_checkpoint(job.earlier)
        train.run([*job.words, *([f"ckpt_path='{checkpoint}'"] if checkpoint else [])])
        live.end(TrialState.COMPLETE, finite(_values(job, live)))
    except Pruned as reason:
        print(reason, flush=True)  # noqa: T201 (into the log)
        live.end(TrialState.PRUNED)
    except Superseded:
        print("superseded: another sweep goes on with this trial", flush=True)  # noqa: T201 (into the log)
    except SeqlabError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 (into the log)
        return MISTAKEN
    return 0


def last_checkpoint(folders: Sequence[Path]) -> Path | None:
    """Return the checkpoint of the first of `folders` that has a whole one: an attempt may be killed before it writes any."""
    from seqlab.training.checkpoints import LAST

    paths = [folder / "checkpoints" / LAST for folder in folders]
    return next((path for path in paths if zipfile.is_zipfile(path)), None)


def _values(job: Job, live: LiveTrial) -> dict[str, float]:
    """Return the objectives of a run that has ended: what was measured, what its folder says, and else what it logged last.

    Raises: ConfigError for one that it has not given.
    """
    from seqlab.metrics.flat_scores import flat_scores

    scores = json.loads((job.folder / "metrics.json").read_text(encoding="utf-8"))
    training = scores.pop("training")
    known = live.logged | flat_scores(scores) | live.measures
    best = training["best"] if training["best"] is not None else known.get(training["monitor"])
    values = {name: best if name == MONITOR else known.get(name) for name in job.metrics}
    return {name: _given(name, value) for name, value in values.items()}


def _given(name: str, value: float | None) -> float:
    if value is None:
        raise ConfigError(f"the run has ended without {name}: it logged none in this attempt; `seqlab sweep retry` starts anew")
    return value


def _stay_with_parent() -> None:
    """Leave interrupts to the sweep, and end when it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(_ORPHANED)


def _write_to(path: Path) -> None:
    """Send all that this process prints to a file, what libraries in C print as well."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    faulthandler.enable()
