"""Run folders that hold a run already: a finished run is not overwritten, an unfinished one goes on if it is the same."""

import copy
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqlab.config.tree import leaves
from seqlab.errors import ConfigError
from seqlab.runs.run import CONFIG, METRICS, FinishedRun
from seqlab.training.checkpoints import newest_in
from seqlab.training.setup import AUTO

log = logging.getLogger(__name__)


def checkpoint_to_resume(config: DictConfig) -> Path | None:
    """Return the checkpoint to start from: `ckpt_path`, or the last one of the same run, unfinished in the same folder.

    Raises: ConfigError if the folder holds a finished run, or an unfinished one with another config.
    """
    folder, given = Path(config.paths.run_dir), config.ckpt_path
    # A checkpoint of the folder itself: the user means to go on with its run.
    if given is not None and Path(given).absolute().is_relative_to(folder.absolute()):
        return Path(given)
    if (folder / METRICS).is_file():
        again = f"to train it further, add ckpt_path={newest_in(folder) or '…'} and a larger trainer.max_epochs"
        raise ConfigError(f"{folder} holds a finished run; choose another folder (hydra.run.dir), or delete it; {again}")
    newest = newest_in(folder)
    if newest is None or not (folder / CONFIG).is_file() or not config.train:
        return None if given is None else Path(given)
    check_same(config, folder=folder)
    log.info("%s holds this run, unfinished: going on from %s", folder, newest.name)
    return newest


def check_same(config: DictConfig, *, folder: Path) -> None:
    """Check that the run in `folder` has the config `config`, whatever checkpoint it resumed.

    Raises: ConfigError naming the first setting that differs; DataError if the stored config is damaged.
    """
    there = dict(leaves(FinishedRun(folder).config))
    here = dict(leaves(OmegaConf.to_container(_settled(config, there), resolve=True)))
    moved = (str(there.get("paths.run_dir")), str(folder))  # the folder may have been moved
    for key in sorted(there.keys() | here.keys()):
        was = there.get(key)
        is_settled = key not in here and key.startswith("data.sets.") and key.endswith(".heads")
        # A resumed run stores the checkpoint that it resumed, which does not make it another run.
        is_settled |= key in ("ckpt_path", "ckpt_check")
        if not is_settled and (was.replace(*moved) if isinstance(was, str) else was) != here.get(key):
            values = f"{key} is {there.get(key)!r} there and {here.get(key)!r} here"
            remedy = "choose another folder (hydra.run.dir), or delete that one"
            raise ConfigError(f"{folder} is a run with another config: {values}; {remedy}")


def _settled(config: DictConfig, there: Mapping[str, Any]) -> DictConfig:
    """Return `config` with the values that the run derived from its data in place of `auto`."""
    # A copy: the caller's config still has `auto`, which its own run settles.
    own = copy.deepcopy(config)
    for key, value in leaves(OmegaConf.to_container(own)):
        if value == AUTO and key in there:
            OmegaConf.update(own, key, there[key])
    return own
