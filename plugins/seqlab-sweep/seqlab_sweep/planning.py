"""Plan a sweep and check it before any trial starts."""

import multiprocessing
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf
from optuna.trial import TrialState

from seqlab.errors import ConfigError
from seqlab_sweep.attributes import StudyFacts
from seqlab_sweep.folders import check_unused, note
from seqlab_sweep.options import Options, words_of_runs
from seqlab_sweep.searching import GRID, MONITOR, build_sampler
from seqlab_sweep.space import Space, Value, read_space
from seqlab_sweep.stores import Store, names_in
from seqlab_sweep.study import SharedStudy, plain_space
from seqlab_sweep.worker import run_check

REPORTING = "+trial=reporting"
_BASIC_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"


@dataclass(frozen=True)
class Plan:
    """A checked sweep, ready to run."""

    options: Options
    space: Space
    folder: Path
    store: Store
    words: Sequence[str]
    """Command-line words that all trials share."""
    n_trials: int
    grid: Mapping[str, Sequence[Value]]

    def command(self, params: Mapping[str, Value], *, folder: Path) -> list[str]:
        """Return the words after `seqlab train` for a trial in `folder`."""
        return [*self.words, *self.space.overrides(params), REPORTING, f"hydra.run.dir='{folder}'"]


def plan(given: Mapping[str, Any], arguments: Sequence[str], *, config: DictConfig, loader: ConfigLoader) -> Plan:
    """Return the plan for the options `given` and the overrides `arguments`. Nothing is written to disk.

    Raises: ConfigError, or Hydra's own error for an override.
    """
    options = Options.checked(given)
    _check_launcher(config)
    space = read_space(options.params, arguments, loader=loader)
    n_trials = options.n_wanted(space)
    grid = space.grid() if options.sampler["name"] == GRID else {}
    # Built and dropped: wrong options show here, before anything is written.
    build_sampler(options.sampler, seed=options.seed, number=0, grid=grid)
    for corner in space.corners():
        _check_is_one_run(loader.load_sweep_config(config, [*space.fixed, *space.overrides(corner), REPORTING]))
    folder = Path(config.hydra.sweep.dir).absolute()
    if "'" in str(folder):
        raise ConfigError(f"hydra.sweep.dir is {folder}, which contains a quotation mark; choose another folder")
    words = [*words_of_runs(_flags(config), config.hydra.overrides.hydra), *space.fixed]
    if config.n_threads is None and "n_threads" not in space.parameters:
        words.append(f"n_threads={options.n_threads()}")
    return Plan(options, space, folder, options.store(folder), words, n_trials, grid)


def settled(plan: Plan, *, context: ForkServerContext) -> tuple[SharedStudy, str | None]:
    """Create or reopen the study; also return how the overrides of its trials change, None if they do not.

    Raises: ConfigError if the study is another search, or if its first trial could not start.
    """
    facts = StudyFacts(
        space=plain_space(plan.space.parameters),
        objectives=[asdict(one) for one in plan.options.numbered_objectives],
        overrides=list(plan.space.fixed),
        words=list(plan.words),
        sampler=plan.options.sampler["name"],
        pruner=plan.options.pruner["name"],
        n_trials=plan.n_trials,
        folder=str(plan.folder),
    )
    existing = _found(plan)
    if existing is not None:
        existing.check_same(facts)
    is_proven = existing is not None and any(trial.state == TrialState.COMPLETE for trial in existing.trials())
    known = existing.facts if existing else StudyFacts()
    if not is_proven or known.overrides != facts.overrides:  # a completed trial with these overrides needs no other check
        facts = replace(facts, monitor=monitored(plan, context=context))
    # Another sweep may have created the study by now, so the folder is checked only by the one that creates it.
    shared = existing or SharedStudy.started(
        plan.store,
        plan.options.study_name,
        objectives=plan.options.numbered_objectives,
        before=partial(check_unused, plan.folder),
    )
    shared.settle(facts)
    note(plan.folder, store=plan.store, study=shared.name)
    return shared, _change(known.overrides, facts.overrides)


def monitored(plan: Plan, *, context: ForkServerContext) -> str:
    """Start the first trial, stop it before its first batch, and return the metric that it monitors.

    Raises: ConfigError if it cannot start.
    """
    with tempfile.TemporaryDirectory(prefix="seqlab-sweep-") as name:
        receiver, sender = multiprocessing.Pipe(duplex=False)
        words = plan.command(plan.space.corners()[0], folder=Path(name) / "run")
        metrics = [one.name for one in plan.options.numbered_objectives]
        process = context.Process(target=run_check, args=(words, metrics, Path(name), sender), daemon=True)
        process.start()
        sender.close()  # or `recv` would wait forever if the process died
        try:
            answer: dict[str, str] = receiver.recv()
        except EOFError:
            process.join()
            answer = {"error": f"the first trial would fail: its process exited with status {process.exitcode}"}
        process.join()
    if "error" in answer:
        raise ConfigError(answer["error"])
    return answer[MONITOR]


def _found(plan: Plan) -> SharedStudy | None:
    if plan.store.path is not None and not plan.store.path.exists():
        return None
    storage = plan.store.open()
    is_there = plan.options.study_name in names_in(storage)
    return SharedStudy.found(plan.store, plan.options.study_name, storage=storage) if is_there else None


def _check_launcher(config: DictConfig) -> None:
    launcher = OmegaConf.select(config, "hydra.launcher._target_")
    if launcher != _BASIC_LAUNCHER:
        raise ConfigError(
            f"hydra/launcher is {launcher}, but a study starts its own processes; remove it, and run the same command on every"
            " machine that should join (see hydra.sweeper.storage)"
        )


def _check_is_one_run(config: DictConfig) -> None:
    for key in ("repeat.seeds", "repeat.folds"):
        value = OmegaConf.select(config, key)
        if value is not None:
            raise ConfigError(
                f"{key} is {value}, but a trial of a study is one run; remove it, and repeat the best trial when the study is"
                f" complete: add {key}={value} to the command that `seqlab sweep best` shows"
            )


def _flags(config: DictConfig) -> list[str]:
    sources = config.hydra.runtime.config_sources
    folders = [word for one in sources if one.provider == "command-line" for word in ("--config-dir", one.path)]
    name = config.hydra.job.config_name
    return [*folders, *(["--config-name", name] if name not in ("train", "train.yaml") else [])]


def _change(known: Sequence[str] | None, now: Sequence[str] | None) -> str | None:
    """Describe how the overrides of new trials differ from those of earlier ones; None if they do not."""
    removed = [word for word in known or [] if word not in (now or [])]
    added = [word for word in now or [] if word not in (known or [])]
    if known is None or not (removed or added):
        return None
    return f"new trials differ from earlier ones (removed: {' '.join(removed) or 'none'}; added: {' '.join(added) or 'none'})"
