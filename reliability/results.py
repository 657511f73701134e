"""The result of an attack, and processes that die alone."""

import os
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

CPU_SECONDS = 2
MEMORY_BYTES = 200 * 2**20


class Result(NamedTuple):
    """How often something was tried, and what went wrong."""

    name: str
    n_tried: int
    faults: Sequence[str]
    note: str
    """What happened in the good cases, with counts."""


class Ended(NamedTuple):
    """The end of a child process."""

    answer: str
    """What it returned, or its traceback."""
    is_failed: bool
    """Whether it raised, or was killed."""
    n_bytes: int
    """Peak of its memory beyond that of its parent."""


def in_child(task: Callable[[], str], *, cpu_seconds: int | None = CPU_SECONDS) -> Ended:
    """Run `task` in a fork of this process, with a limit of processor time, and return what it returns."""
    reader, writer = os.pipe()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pid = os.fork()
    if not pid:
        os.close(reader)
        _run(task, writer, cpu_seconds)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8", errors="replace") as stream:
        answer = stream.read()
    _, status, usage = os.wait4(pid, 0)
    if os.WIFSIGNALED(status):
        answer = f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return Ended(answer, status != 0, max(0, usage.ru_maxrss - before) * 1024)


def _run(task: Callable[[], str], writer: int, cpu_seconds: int | None) -> None:
    status = 1
    try:
        if cpu_seconds is not None:
            used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
            resource.setrlimit(resource.RLIMIT_CPU, (int(used) + cpu_seconds, int(used) + cpu_seconds))
        answer = task()
        status = 0
    except BaseException:  # noqa: BLE001 (whatever a child raises is an answer)
        answer = traceback.format_exc(limit=-4)
    with os.fdopen(writer, "w", encoding="utf-8", errors="backslashreplace") as stream:
        stream.write(answer)
    sys.stdout.flush()
    os._exit(status)


def forked(words: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> int:
    """Start a command of seqlab in a fork of this process, which has imported its modules, and return the id of the fork.

    The fork has a session and signal handlers of its own, as if a shell had started it. Its output goes to the file `log`.
    """
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            # a shell ignores SIGINT for what it starts in the background
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        _run_command(words, log, environment)
    return pid


def _run_command(words: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
    from seqlab.cli import main

    status = 1
    try:
        os.environ.update(environment)
        tempfile.tempdir = None
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(file, 1)
        os.dup2(file, 2)
        status = main(words)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 (as the interpreter does)
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def small_run(folder: Path, *overrides: str) -> Path:
    """Train a small model with two heads on the built-in sample, and return its run folder."""
    import seqlab

    sizes = ["data.reader.n_train=60", "data.reader.n_val=15", "data.reader.n_test=15", "encoder.width=8"]
    parts = ["embedding=[words,char_cnn]", "head=[crf]", "trainer=cpu", "n_threads=1", "trainer.max_epochs=2"]
    return seqlab.train([*sizes, *parts, f"hydra.run.dir={folder}", *overrides]).folder
