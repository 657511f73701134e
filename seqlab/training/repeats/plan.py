"""Plan the repetitions of a run: a config for each seed and fold, as a single run would have it."""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from omegaconf import DictConfig, OmegaConf, open_dict

from seqlab.config.settings import seeds_of
from seqlab.config.tree import leaves
from seqlab.errors import ConfigError
from seqlab.runs.run import FinishedRun

_AUTO = "auto"
_RESOLVER = re.compile(r"\$\{[\w.]+:")
_ONCE = {"seeds": None, "folds": None, "n_workers": 1}
"""Value of `repeat` for a single run."""


@final
@dataclass(frozen=True)
class Repetition:
    """One of several runs."""

    seed: int
    fold: int | None
    """Counted from 1."""
    name: str
    """Name of its folder."""


def plan(settings: Mapping[str, Any]) -> list[Repetition]:
    """Return the repetitions that a checked config asks for: all folds of the first seed, then of the next."""
    seeds, n_folds = seeds_of(settings), settings["repeat"]["folds"]
    if n_folds is None:
        return [Repetition(seed, None, f"seed_{seed}") for seed in seeds]
    has_seeds = settings["repeat"]["seeds"] is not None
    named = [(seed, fold, f"seed_{seed}_" if has_seeds else "") for seed in seeds for fold in range(1, n_folds + 1)]
    return [Repetition(seed, fold, f"{seed_name}fold_{fold}") for seed, fold, seed_name in named]


def config_of(config: DictConfig, repetition: Repetition, *, folder: Path) -> DictConfig:
    """Return the config of one repetition in `folder`: that of the plain run, with its seed and fold.

    Interpolations that need Hydra are resolved here, because worker processes have no Hydra. Others stay, such as `monitor`,
    which each run settles itself.
    """
    own = copy.deepcopy(config)
    n_folds, n_workers = own.repeat.folds, own.repeat.n_workers
    with open_dict(own):
        own.seed = repetition.seed
        own.repeat = dict(_ONCE)
        own.paths.run_dir = str(folder)
        if repetition.fold is not None:
            own.fold = {"index": repetition.fold, "of": n_folds}
        # Parallel workers with all threads each would compete for the same cores.
        if n_workers > 1 and own.n_threads is None:
            own.n_threads = 1
    _resolve(own)
    return own


def _resolve(node: DictConfig) -> None:
    """Resolve interpolations that call a resolver, such as `${now:…}`."""
    for key in node:
        child = node._get_node(key)
        if isinstance(child, DictConfig) and not child._is_none() and not child._is_interpolation() and not child._is_missing():
            _resolve(child)
        elif _RESOLVER.search(str(OmegaConf.to_container(node, resolve=False)[key])):  # type: ignore[index]
            node[key] = node[key]


def check_same(config: DictConfig, *, folder: Path) -> None:
    """Check that the finished run in `folder` has the config `config`.

    Raises: ConfigError naming the first setting that differs; DataError if the stored config is damaged.
    """
    there = dict(leaves(FinishedRun(folder).config))
    here = dict(leaves(OmegaConf.to_container(_settled(config, there), resolve=True)))
    moved = (str(there.get("paths.run_dir")), str(folder))  # the folder may have been moved
    for key in sorted(there.keys() | here.keys()):
        was = there.get(key)
        is_settled = key not in here and key.startswith("data.sets.") and key.endswith(".heads")
        if not is_settled and (was.replace(*moved) if isinstance(was, str) else was) != here.get(key):
            raise ConfigError(
                f"{folder} is a run with another config: {key} is {there.get(key)!r} there and {here.get(key)!r} here; "
                "choose another folder (hydra.run.dir), or delete that one"
            )


def _settled(config: DictConfig, there: Mapping[str, Any]) -> DictConfig:
    """Return `config` with the values that the run derived from its data in place of `auto`."""
    own = copy.deepcopy(config)
    for key, value in leaves(OmegaConf.to_container(own)):
        if value == _AUTO and key in there:
            OmegaConf.update(own, key, there[key])
    return own
