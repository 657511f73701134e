"""Go on with an interrupted run as its folder records it, or end it with the best model that it has."""

import logging
from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from seqlab.errors import DataError
from seqlab.runs.lock import LOCK, Lock
from seqlab.runs.repeated_run import FinishedRepeat
from seqlab.runs.run import METRICS, FinishedRun
from seqlab.training.checkpoints import newest_in
from seqlab.training.recorded import check_allowed, started_as, typed_in
from seqlab.training.train import Run, run, run_once

log = logging.getLogger(__name__)


def changed_data(folder: Path) -> list[str]:
    """Return the files that have changed since the run in `folder` read them, with the change."""
    return [f"{name} {what}" for name, what in Lock.read(folder).changed_files().items()] if (folder / LOCK).is_file() else []


def resume(folder: Path, *, allow: Sequence[str] = (), is_finish: bool = False) -> Run:
    """Go on with the unfinished run in `folder`, in its working directory, with its config and number of threads.

    It ends bit by bit as if it had not been interrupted. A repeated run (repeat.seeds, repeat.folds) keeps the repetitions that
    have finished, and starts the others again.

    Args:
        folder: The run folder; it may have been moved.
        allow: Classes of the user's own that the run needs, as in `seqlab.load`.
        is_finish: Do not train further: score the best checkpoint so far, and write the model.

    Raises: DataError if the folder holds no run, or a finished one, or the files of the run are damaged; ConfigError if the run
        needs classes that `allow` does not name.
    """
    # Before the working directory changes to that of the run.
    folder = folder.absolute()
    found = FinishedRun(folder)
    if FinishedRepeat.is_at(folder):
        if is_finish:
            raise DataError(f"{folder} is a repeated run; finish one of its repetitions, or go on with all of them")
        return run(OmegaConf.create(found.config), typed=typed_in(found, allow))
    if (folder / METRICS).is_file():
        raise DataError(f"{folder} has finished; to train it further: seqlab train … ckpt_path={folder}/checkpoints/last.ckpt")
    lock = Lock.read(folder)
    check_allowed(lock.allow, allow)
    if newest_in(folder) is None:
        if is_finish:
            raise DataError(f"{folder} has no checkpoint yet, so there is no model to finish; go on without --finish")
        log.info("%s has no checkpoint yet: starting from the beginning", folder)
    with started_as(found, lock, into=folder) as config:
        return run_once(config, typed=typed_in(found, allow), is_finish=is_finish)
