"""Start a run as its folder records it: config, working directory, threads and the classes that its user allowed."""

from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from seqlab.config.overrides import Overrides
from seqlab.config.tree import leaves
from seqlab.errors import ConfigError, DataError
from seqlab.runs.lock import Lock
from seqlab.runs.run import FinishedRun


@contextmanager
def started_as(run: FinishedRun, lock: Lock, *, into: Path) -> Iterator[DictConfig]:
    """Yield the config of `run` with the folder `into` in place of its own, in its working directory and with its threads.

    Raises: DataError if the working directory is gone.
    """
    config = OmegaConf.create(_moved(run.config, source=run.config["paths"]["run_dir"], target=str(into)))
    start = Path(lock.working_dir)
    if not start.is_dir():
        raise DataError(f"{start} does not exist; the run was started there, and its relative paths need it")
    with chdir(start), _with_threads(run.environment.get("n_threads")):
        yield config


def typed_in(run: FinishedRun, allow: Sequence[str]) -> Overrides:
    """Return overrides that settle the whole config of `run`, and allow the classes in `allow`."""
    # All keys count as set, so that nothing suits the config to its data once more.
    return Overrides((), frozenset(allow), frozenset(key for key, _ in leaves(run.config)))


def check_allowed(needed: Sequence[str], allow: Sequence[str]) -> None:
    """Raise ConfigError unless `allow` names all `needed` classes."""
    missing = [name for name in needed if name not in allow]
    if missing:
        flags = " ".join(f"--allow {name}" for name in missing)
        raise ConfigError(f"the run needs {', '.join(missing)}, which no plugin provides; if you trust the file, add {flags}")


def _moved(node: Any, *, source: str, target: str) -> Any:
    """Return `node` with the first run's folder `source` replaced by `target` in every path."""
    if isinstance(node, dict):
        return {key: _moved(value, source=source, target=target) for key, value in node.items()}
    # With the slash, so that runs/a is not found in runs/ab.
    is_inside = isinstance(node, str) and (node == source or node.startswith(f"{source}/"))
    return target + node[len(source) :] if is_inside else node


@contextmanager
def _with_threads(n_threads: int | None) -> Iterator[None]:
    """Use the number of threads of the run, because it affects the order of sums."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
