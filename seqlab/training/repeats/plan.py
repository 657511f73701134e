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

_RESOLVER = re.compile(r"\$\{[\w.]+:")
"""An interpolation that calls a resolver, such as `${now:…}`."""
_ONCE = {"seeds": None, "folds": None, "n_workers": 1}
"""Value of `repeat` for a single run."""


@final
@dataclass(frozen=True)
class Repetition:
    """One of several runs."""

    seed: int
    fold: int | None
    """Counted from 1."""
    folder: Path


def plan(settings: Mapping[str, Any]) -> list[Repetition]:
    """Return the repetitions that a checked config asks for: all folds of the first seed, then of the next."""
    folder, n_folds = Path(settings["paths"]["run_dir"]), settings["repeat"]["folds"]
    found = []
    for seed in seeds_of(settings):
        for fold in [None] if n_folds is None else range(1, n_folds + 1):
            named = [] if settings["repeat"]["seeds"] is None else [f"seed_{seed}"]
            named += [] if fold is None else [f"fold_{fold}"]
            found.append(Repetition(seed, fold, folder / "_".join(named)))
    return found


def config_of(config: DictConfig, repetition: Repetition) -> DictConfig:
    """Return the config of one repetition: that of the plain run, with its seed, fold and folder.

    Interpolations that need Hydra are resolved here, because worker processes have no Hydra. Others stay, such as `monitor`,
    which each run settles itself.
    """
    own = copy.deepcopy(config)
    n_folds, n_workers = own.repeat.folds, own.repeat.n_workers
    with open_dict(own):
        own.seed = repetition.seed
        own.repeat = dict(_ONCE)
        own.paths.run_dir = str(repetition.folder)
        if repetition.fold is not None:
            own.fold = {"index": repetition.fold, "of": n_folds}
        # Parallel workers with all threads each would compete for the same cores.
        if n_workers > 1 and own.n_threads is None:
            own.n_threads = 1
    for key, value in leaves(OmegaConf.to_container(own, resolve=False)):
        if _RESOLVER.search(str(value)):
            OmegaConf.update(own, key, OmegaConf.select(own, key))
    return own
