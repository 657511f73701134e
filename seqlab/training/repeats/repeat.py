"""Repeating a run: what is there already is kept, the rest is run, and `repeats.json` says how it went."""

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
from seqlab.training.repeats.out_of_fold import join_answers
from seqlab.training.repeats.plan import Repetition, check_same, config_of, plan
from seqlab.training.repeats.summary import has_ended, summary
from seqlab.training.repeats.workers import Job, Runner, work_off

log = logging.getLogger(__name__)


def is_repeated(config: DictConfig) -> bool:
    """Return whether `config` asks for several runs.

    Raises: ConfigError where `repeat` has a value of its own.
    """
    if not isinstance(config.repeat, DictConfig):
        raise ConfigError(f"repeat is {config.repeat!r}; expected repeat.seeds={config.repeat} or repeat.folds={config.repeat}")
    return config.repeat.seeds is not None or config.repeat.folds is not None


def repeat(config: DictConfig, *, typed: Overrides, run: Runner) -> Mapping[str, Any]:
    """Run each repetition that is not there yet with `run`, and return what `repeats.json` then says.

    Raises: ConfigError for numbers out of range, and where a repetition that is there is of another config; the folder is then
    left as it was.
    """
    settings = plain(config)
    check_settings(settings)
    check_repeat(settings)
    folder = Path(settings["paths"]["run_dir"])
    repetitions, n_folds = plan(settings), settings["repeat"]["folds"]
    content = summary(folder, repetitions, n_folds=n_folds, mode=settings["monitor_mode"])
    jobs = _still_to_do(config, repetitions, folder=folder)
    _tell_others(repetitions, folder=folder)
    RunFolder(folder).start(config)
    write_json(folder / REPEATS, content)
    for _ in work_off(jobs, run=run, typed=typed, n_workers=settings["repeat"]["n_workers"]):
        content = summary(folder, repetitions, n_folds=n_folds, mode=settings["monitor_mode"])
        write_json(folder / REPEATS, content)
        if _is_hopeless(content):
            break
    if n_folds is not None:
        content["out_of_fold"] = join_answers(folder, repetitions, n_folds=n_folds)
        write_json(folder / REPEATS, content)
    return content


def _tell_others(repetitions: Sequence[Repetition], *, folder: Path) -> None:
    """Say which runs lie in the folder that are none of the repetitions, as those of seeds that were asked for before."""
    named = {one.name for one in repetitions}
    others = sorted(path.parent.name for path in folder.glob(f"*/{METRICS}") if path.parent.name not in named)
    if others:
        log.warning("%s lies in %s too, and is not counted", ", ".join(others), folder)


def _is_hopeless(content: Mapping[str, Any]) -> bool:
    """Return whether no repetition has ended well, and several have failed all alike."""
    states = [one["status"] for one in content["repetitions"]]
    errors = [one["error"] for one in content["repetitions"] if one["status"] == "failed"]
    return "finished" not in states and len(errors) > 1 and len(set(errors)) == 1


def _still_to_do(config: DictConfig, repetitions: Sequence[Repetition], *, folder: Path) -> list[Job]:
    """Return the repetitions that have not ended; what an interrupted one left is taken away, since it starts anew."""
    jobs = []
    for one in repetitions:
        job = Job(one.name, folder / one.name, config_of(config, one, folder=folder / one.name))
        if has_ended(job.folder):
            check_same(job.config, folder=job.folder)
            log.info("%s is there already", one.name)
        else:
            jobs.append(job)
    for job in jobs:
        if (job.folder / CONFIG).is_file():
            log.info("%s had not ended: it starts anew", job.name)
            shutil.rmtree(job.folder)
    return jobs
