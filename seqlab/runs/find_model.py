"""Find the model bundle of a run folder."""

import logging
import shlex
from pathlib import Path

from seqlab.errors import BundleError, DataError
from seqlab.model.bundle_files import BUNDLE_FILE
from seqlab.runs.repeated_run import FinishedRepeat
from seqlab.runs.run import CONFIG

log = logging.getLogger(__name__)


def find_bundle(path: Path) -> Path:
    """Return the bundle folder for a path to it, or to its run; for a repeated run, that of its best repetition.

    Raises: BundleError if there is none.
    """
    path = _best_repetition(path) if FinishedRepeat.is_at(path) else path
    # Users name either the run or the bundle in it.
    for folder in (path, path / "model"):
        if (folder / BUNDLE_FILE).is_file():
            return folder
    if (path / CONFIG).is_file() and (path / "checkpoints").is_dir():
        quoted = shlex.quote(str(path))
        raise BundleError(
            f"{path}: the run has not finished, so it has no model yet; go on with it: seqlab resume {quoted}; or make a model"
            f" of its best checkpoint: seqlab resume {quoted} --finish"
        )
    raise BundleError(f"{path}: no model here; expected a run folder or its `model` folder, which holds {BUNDLE_FILE}")


def _best_repetition(path: Path) -> Path:
    """Return the folder of a repeated run's best repetition."""
    try:
        best = FinishedRepeat(path).best
    except DataError as error:
        raise BundleError(f"{error}; name one of the run folders in {path}") from error
    if best is None:
        raise BundleError(
            f"{path} is a repeated run, but none of its repetitions has finished; run it again in the same folder"
        )
    log.warning("%s is a repeated run: using the model of %s, the best by validation", path, best)
    return path / best
