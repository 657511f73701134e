"""Checks of the settings at the top of `train.yaml`, which belong to no part of a model."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeGuard

import yaml

from seqlab.config.arguments import is_whole
from seqlab.config.paths import config_dir
from seqlab.errors import ConfigError

_SMALLEST = {"n_examples": 0, "seed": 0, "max_tokens": 1, "max_eval_tokens": 1, "n_threads": 1}
_OF_TRAINER = {"max_epochs": -1, "min_epochs": 0, "max_steps": -1, "min_steps": 0, "accumulate_grad_batches": 1}
"""Numbers that Lightning's trainer accepts unchecked, to fail during training."""
# More is likely a typing mistake, such as a seed given as the number of seeds.
_MOST_RUNS = 1000
_LARGEST = 2**32 - 1
"""The largest seed that numpy's random generator takes."""


_PARTS = ("data", "embedding", "encoder", "heads", "optimizer", "trainer", "paths")
"""Settings that every run has, as mappings."""
_MAPPINGS = (
    *("data.splits", "data.reader", "data.sets", "data.sets.*"),
    *("embedding.parts", "embedding.parts.*", "embedding.dropout", "heads.*", "scheduler"),
    *("callbacks", "callbacks.*", "logger", "logger.*", "regularizers", "parameter_groups"),
)
"""Settings that are mappings where they are there."""
_NEEDED = ("heads.*", "data.splits", "data.reader")
"""Those of them that cannot be null; with several data sets, each has its own splits and reader."""
_TEXTS = ("data.dir", "data.splits.*", "monitor", "ckpt_path", "init_from", "task_name")
_CHOICES: dict[str, tuple[object, ...]] = {
    **dict.fromkeys(("train", "test", "calibrate"), (True, False)),
    "monitor_mode": ("min", "max"),
    # In the other precisions, weights would leave the 32 bits that kernels and lattice sums work in.
    "trainer.precision": (None, 32, "32", "32-true", 16, "16", "16-mixed", "bf16", "bf16-mixed"),
}


def check_shape(settings: Mapping[str, Any]) -> None:
    """Check that the parts of a config are mappings, names are text and choices are known; interpolations may stay.

    Raises: ConfigError for anything else.
    """
    has_sets = isinstance(settings.get("data"), Mapping) and "sets" in settings["data"]
    needed = [pattern for pattern in _NEEDED if not (has_sets and pattern.startswith("data."))]
    for pattern in (*_PARTS, *_MAPPINGS):
        for path, value in _at(settings, pattern.split(".")):
            is_absent = pattern not in _PARTS and (value is _MISSING or (value is None and pattern not in needed))
            if not (is_absent or isinstance(value, Mapping) or _is_interpolated(value)):
                found = "missing" if value is _MISSING else repr(value)
                raise ConfigError(f"{path} is {found}; expected a mapping of options, as `seqlab train --cfg job` shows")
    for pattern in _TEXTS:
        for path, value in _at(settings, pattern.split(".")):
            if isinstance(value, bool | int | float):
                raise ConfigError(f"{path} is {value!r}; expected text: {path}='\"{value}\"'")
            if isinstance(value, list | dict):
                raise ConfigError(f"{path} is {value!r}; expected text")
    if removed := [name for name in _top_names() if name not in settings]:
        raise ConfigError(f"{removed[0]} is missing; it can be set, but not removed")
    for path, choices in _CHOICES.items():
        for _, value in _at(settings, path.split(".")):
            # 1 equals True in Python, so True and False are compared by identity.
            is_one = any(value is choice or (value == choice and not isinstance(choice, bool)) for choice in choices)
            if not (value is _MISSING or is_one or _is_interpolated(value)):
                known = ", ".join(dict.fromkeys(json.dumps(choice).strip('"') for choice in choices))
                raise ConfigError(f"{path} is {value!r}; expected one of {known}")


@cache
def _top_names() -> list[str]:
    """Return the settings at the top of `train.yaml`, which every run reads."""
    content = yaml.safe_load((config_dir() / "train.yaml").read_text(encoding="utf-8"))
    return [name for name in content if name not in ("defaults", "hydra")]


def _at(node: Mapping[str, Any], names: Sequence[str], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield paths and values at a path in which `*` stands for every name; of the last name also what is missing."""
    first, *rest = names
    for name in list(node) if first == "*" else [first]:
        value, path = node.get(name, _MISSING), f"{above}{name}"
        if not rest:
            yield path, value
        elif isinstance(value, Mapping):
            yield from _at(value, rest, f"{path}.")


def _is_interpolated(value: object) -> bool:
    return isinstance(value, str) and "${" in value


_MISSING = object()


def check_settings(settings: Mapping[str, Any]) -> None:
    """Check the numbers and the checkpoint of a run before any data is read.

    Raises: ConfigError for a number out of range, and for a checkpoint that is not a file.
    """
    for name, smallest in _SMALLEST.items():
        _check_whole(name, settings[name], smallest=smallest, is_optional=name == "n_threads")
    for name, smallest in _OF_TRAINER.items():
        _check_whole(f"trainer.{name}", settings["trainer"].get(name), smallest=smallest, is_optional=True)
    _check_fold(settings["fold"])
    checkpoint = settings["ckpt_path"]
    if checkpoint is not None and not Path(checkpoint).is_file():
        raise ConfigError(f"ckpt_path is {checkpoint!r}, which is not a file; expected a run's last.ckpt or best.ckpt")


def seeds_of(settings: Mapping[str, Any]) -> list[int]:
    """Return the seeds of a repeated run: `repeat.seeds` many, counted from `seed`, or those that it lists; without it, `seed`.

    Raises: ConfigError unless `repeat.seeds` is a number of seeds or a list of different ones.
    """
    seeds, first = settings["repeat"]["seeds"], settings["seed"]
    if seeds is None:
        return [first]
    # A wrong `seed` is reported by its own check, under its own name.
    if _is_whole(seeds, smallest=1):
        seeds = list(range(first, first + seeds)) if _is_whole(first, smallest=0) else [first]
    is_list = isinstance(seeds, list) and bool(seeds) and all(_is_whole(seed, smallest=0) for seed in seeds)
    if not is_list or len(set(seeds)) < len(seeds):
        raise ConfigError(f"repeat.seeds is {seeds!r}; expected how many, from 1, or a list of different seeds: [1,2,3]")
    return list(seeds)


def check_repeat(settings: Mapping[str, Any]) -> None:
    """Check the settings of a repeated run before the first repetition.

    Raises: ConfigError for numbers out of range, and for settings that only a single run can have.
    """
    repeat = settings["repeat"]
    seeds = seeds_of(settings)
    _check_whole("repeat.folds", repeat["folds"], smallest=2, is_optional=True)
    _check_whole("repeat.n_workers", repeat["n_workers"], smallest=1)
    n_runs = len(seeds) * (repeat["folds"] or 1)
    if n_runs > _MOST_RUNS:
        raise ConfigError(f"repeat asks for {n_runs:,} runs; expected at most {_MOST_RUNS:,}: fewer seeds or folds")
    if repeat["folds"] and settings["fold"]:
        raise ConfigError("fold selects one fold, and repeat.folds runs them all; leave one of them out")
    if settings["ckpt_path"] is not None:
        raise ConfigError("ckpt_path resumes a single run; leave it out, and repeat the command with the same hydra.run.dir")
    _check_one_process(settings["trainer"])


def _check_one_process(trainer: Mapping[str, Any]) -> None:
    # Lightning starts its other processes with the whole command, so each of them would run all repetitions.
    devices, strategy = trainer.get("devices"), trainer.get("strategy")
    kind = strategy.get("_target_") if isinstance(strategy, Mapping) else strategy
    is_alone = {
        "devices": devices in (None, 1, "1") or (isinstance(devices, list) and len(devices) == 1),
        "num_nodes": trainer.get("num_nodes") in (None, 1),
        "strategy": kind in (None, "auto") or "single" in str(kind).lower(),
    }
    for name in (name for name, holds in is_alone.items() if not holds):
        remedy = "trainer.devices=1 and neither trainer=ddp, another strategy nor more nodes; see also repeat.n_workers=…"
        raise ConfigError(f"trainer.{name} is {trainer[name]!r}; expected one process for each repetition: {remedy}")


def _check_fold(fold: object) -> None:
    if fold is None:
        return
    index, of = (fold["index"], fold["of"]) if isinstance(fold, Mapping) and set(fold) == {"index", "of"} else (None, None)
    if not _is_whole(of, smallest=2) or not _is_whole(index, smallest=1) or index > of:
        raise ConfigError(f"fold is {fold!r}; expected a fold from 1 and the number of folds, as in fold={{index:1,of:5}}")


def _check_whole(name: str, value: object, *, smallest: int, is_optional: bool = False) -> None:
    if not (is_optional and value is None) and not _is_whole(value, smallest=smallest):
        raise ConfigError(f"{name} is {value!r}; expected a whole number from {smallest} to {_LARGEST:,}")


def _is_whole(value: object, *, smallest: int) -> TypeGuard[int]:
    return is_whole(value) and smallest <= value <= _LARGEST
