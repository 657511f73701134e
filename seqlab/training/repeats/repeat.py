"""Repeat a run: keep finished repetitions, run the others, and summarise them in `repeats.json`."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from seqlab.config.compose import plain
from seqlab.config.overrides import Overrides
from seqlab.config.settings import check_repeat, check_settings
from seqlab.data.atomic_write import write_json
from seqlab.errors import ConfigError
from seqlab.runs.repeated_run import REPEATS
from seqlab.runs.run import CONFIG, METRICS
from seqlab.runs.writer import RunFolder
from seqlab.training.occupied import check_same
from seqlab.training.repeats.out_of_fold import join_answers
from seqlab.training.repeats.plan import Repetition, config_of, plan
from seqlab.training.repeats.summary import has_ended, summary
from seqlab.training.repeats.workers import Runner, work_off

log = logging.getLogger(__name__)


def is_repeated(config: DictConfig) -> bool:
    """Return whether `config` asks for several runs.

    Raises: ConfigError if `repeat` itself has a value.
    """
    found = config.get("repeat")
    if not isinstance(found, DictConfig):
        raise ConfigError(f"repeat is {found!r}; expected repeat.seeds={found} or repeat.folds={found}")
    return config.repeat.seeds is not None or config.repeat.folds is not None


def repeat(config: DictConfig, *, typed: Overrides, run: Runner) -> Mapping[str, Any]:
    """Run each repetition that has not finished with `run`, and return the content of `repeats.json`.

    Raises: ConfigError for numbers out of range, or if a finished repetition has another config. The folder is then unchanged.
    """
    settings = plain(config)
    check_settings(settings)
    check_repeat(settings)
    folder = Path(settings["paths"]["run_dir"])
    repetitions, n_folds = plan(settings), settings["repeat"]["folds"]
    content = summary(repetitions, n_folds=n_folds, mode=settings["monitor_mode"])
    configs = _still_to_do(config, repetitions)
    _warn_of_others(repetitions, folder=folder)
    # Only after all checks, so that a refused command leaves the folder as it was.
    RunFolder(folder).start(config)
    write_json(folder / REPEATS, content)
    for _ in work_off(configs, run=run, typed=typed, n_workers=settings["repeat"]["n_workers"]):
        content = summary(repetitions, n_folds=n_folds, mode=settings["monitor_mode"])
        write_json(folder / REPEATS, content)
        # The remaining repetitions would fail alike.
        if _is_hopeless(content):
            break
    if n_folds is not None:
        content["out_of_fold"] = join_answers(folder, repetitions, n_folds=n_folds)
        write_json(folder / REPEATS, content)
    return content


def _warn_of_others(repetitions: Sequence[Repetition], *, folder: Path) -> None:
    """Warn of runs in the folder that are not among the repetitions, such as those of other seeds."""
    ended = {path.parent for path in folder.glob(f"*/{METRICS}")}
    others = sorted(path.name for path in ended - {one.folder for one in repetitions})
    if others:
        log.warning("ignoring %s in %s: not among the repetitions", ", ".join(others), folder)


def _is_hopeless(content: Mapping[str, Any]) -> bool:
    """Return whether nothing has finished and several repetitions have failed with the same error."""
    states = [one["status"] for one in content["repetitions"]]
    errors = [one["error"] for one in content["repetitions"] if one["status"] == "failed"]
    return "finished" not in states and len(errors) > 1 and len(set(errors)) == 1


def _still_to_do(config: DictConfig, repetitions: Sequence[Repetition]) -> dict[Path, DictConfig]:
    """Return the configs of the unfinished repetitions by folder; the remains of interrupted ones are deleted."""
    configs = {one.folder: config_of(config, one) for one in repetitions}
    for folder in filter(has_ended, configs):
        check_same(configs[folder], folder=folder)
        log.info("%s has finished already", folder.name)
    # Only after all checks, since a refused command must not delete anything.
    unfinished = {folder: own for folder, own in configs.items() if not has_ended(folder)}
    for folder in unfinished:
        if (folder / CONFIG).is_file():
            log.info("%s was interrupted: starting it again", folder.name)
            shutil.rmtree(folder)
    return unfinished
