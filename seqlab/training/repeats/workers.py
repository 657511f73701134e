"""Run repetitions one after the other in this process, or in parallel in processes of their own.

A repetition reports its result through files: `metrics.json`, which a run writes last, or `error.txt`.
"""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, TypeAlias

from omegaconf import DictConfig

from seqlab.config.overrides import Overrides
from seqlab.errors import SeqlabError

log = logging.getLogger(__name__)

ERROR = "error.txt"
"""Why a repetition failed: one line, then the traceback."""
LOG = "train.log"
Runner: TypeAlias = Callable[..., Any]
"""Trains a config: `run(config, typed=…)`; a module-level function, so that other processes can import it."""


def work_off(configs: Mapping[Path, DictConfig], *, run: Runner, typed: Overrides, n_workers: int) -> Iterator[Path]:
    """Run all `configs`, by run folder, and yield each folder as its run ends.

    A failed run leaves `error.txt` and does not stop the others.
    """
    if n_workers == 1:
        for folder, config in configs.items():
            log.info("%s: seed %d", folder.name, config.seed)
            _run_alone(folder, config, run=run, typed=typed)
            yield folder
    else:
        yield from _side_by_side(configs, run=run, typed=typed, n_workers=n_workers)


def _run_alone(folder: Path, config: DictConfig, *, run: Runner, typed: Overrides) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # An error of an earlier attempt would count this one as failed.
    (folder / ERROR).unlink(missing_ok=True)
    with _logged(folder / LOG):
        try:
            run(config, typed=typed)
        except Exception as error:  # noqa: BLE001 (any failure must be recorded, and must not stop other repetitions)
            _fail(folder, _one_line(error), traceback.format_exc())


def _side_by_side(configs: Mapping[Path, DictConfig], *, run: Runner, typed: Overrides, n_workers: int) -> Iterator[Path]:
    # Spawned, since forking after torch has started threads can deadlock.
    context = multiprocessing.get_context("spawn")
    # Reversed, because `pop` takes from the end.
    waiting = list(configs.items())[::-1]
    running: dict[Any, tuple[SpawnProcess, Path]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < n_workers:
                folder, config = waiting.pop()
                log.info("%s: seed %d, in a process of its own", folder.name, config.seed)
                process = context.Process(target=_in_process, args=(folder, config, run, typed))
                process.start()
                running[process.sentinel] = (process, folder)
            for sentinel in connection.wait(list(running)):
                process, folder = running.pop(sentinel)
                process.join()
                # A process that was killed, or that Python could not start, has written nothing.
                if process.exitcode and not (folder / ERROR).exists():
                    folder.mkdir(parents=True, exist_ok=True)
                    _fail(folder, _how_it_ended(process.exitcode), "")
                yield folder
    finally:
        # An interrupt or an error here must not leave workers behind.
        for process, _ in running.values():
            process.terminate()


def _in_process(folder: Path, config: DictConfig, run: Runner, typed: Overrides) -> None:
    """Run a job in its own process, which exits when the parent does."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    sentinel = parent.sentinel
    # Without this, workers would survive a killed parent. os._exit, as the main thread may be in native code.
    threading.Thread(target=lambda: connection.wait([sentinel]) and os._exit(1), daemon=True).start()
    logging.basicConfig(level=logging.INFO, format=f"{folder.name}: %(message)s", stream=sys.stdout)
    _run_alone(folder, config, run=run, typed=typed)
    sys.exit(int((folder / ERROR).exists()))


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("[%(asctime)s][%(name)s][%(levelname)s] %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def _fail(folder: Path, line: str, details: str) -> None:
    (folder / ERROR).write_text(f"{line}\n\n{details}", encoding="utf-8")
    log.error("%s failed: %s", folder.name, line)


def _one_line(error: Exception) -> str:
    message = " ".join(str(error).split())
    return message if isinstance(error, SeqlabError) else f"{type(error).__name__}: {message}"


def _how_it_ended(exit_code: int) -> str:
    if exit_code > 0:
        return f"its process exited with status {exit_code}"
    is_killed = -exit_code == signal.SIGKILL
    return f"its process was killed by {signal.Signals(-exit_code).name}{' (out of memory?)' if is_killed else ''}"
