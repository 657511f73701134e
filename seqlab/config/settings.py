"""Checks of the settings that belong to no part of a model: those at the top of `train.yaml`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqlab.errors import ConfigError

_SMALLEST = {"seed": 0, "max_tokens": 1, "max_eval_tokens": 1, "n_threads": 1}
_OPTIONAL = ("n_threads",)
_OF_TRAINER = {"max_epochs": -1, "min_epochs": 0, "max_steps": -1, "min_steps": 0}
"""Numbers that the trainer itself takes as they are, and stumbles over once it runs."""
_MOST_RUNS = 1000
_LARGEST = 2**32 - 1
"""What numpy's random generator takes for a seed."""


def check_settings(settings: Mapping[str, Any]) -> None:
    """Check the numbers and the checkpoint of a run before anything is read.

    Raises: ConfigError for a number out of range, and for a checkpoint that is no file.
    """
    for name, smallest in _SMALLEST.items():
        value = settings[name]
        if value is None and name in _OPTIONAL:
            continue
        if not _is_whole(value, smallest=smallest):
            raise ConfigError(f"{name} is {value!r}; expected a whole number from {smallest} to {_LARGEST:,}")
    for name, smallest in _OF_TRAINER.items():
        value = settings["trainer"].get(name)
        if value is not None and not _is_whole(value, smallest=smallest):
            raise ConfigError(f"trainer.{name} is {value!r}; expected a whole number from {smallest}")
    _check_fold(settings["fold"])
    checkpoint = settings["ckpt_path"]
    if checkpoint is not None and not Path(checkpoint).is_file():
        raise ConfigError(f"ckpt_path is {checkpoint!r}, which is no file; expected a run's checkpoints/last.ckpt or best.ckpt")


def seeds_of(settings: Mapping[str, Any]) -> list[int]:
    """Return the seeds that a run is repeated with: `repeat.seeds` from `seed` on, or those listed; `seed` alone without.

    Raises: ConfigError for what is neither a number of seeds nor a list of different ones.
    """
    asked, first = settings["repeat"]["seeds"], settings["seed"]
    if asked is None:
        return [first]
    if _is_whole(asked, smallest=1):
        asked = list(range(first, first + asked)) if _is_whole(first, smallest=0) else [first]
    is_list = isinstance(asked, list) and bool(asked) and all(_is_whole(seed, smallest=0) for seed in asked)
    if not is_list or len(set(asked)) < len(asked):
        raise ConfigError(f"repeat.seeds is {asked!r}; expected how many, from 1, or a list of different seeds: [1,2,3]")
    return list(asked)


def check_repeat(settings: Mapping[str, Any]) -> None:
    """Check what a run that is repeated says of it, before the first repetition.

    Raises: ConfigError for numbers out of range, and for settings that go with one run alone.
    """
    repeat = settings["repeat"]
    seeds = seeds_of(settings)
    for name, smallest in (("folds", 2), ("n_workers", 1)):
        value = repeat[name]
        if not (value is None and name == "folds") and not _is_whole(value, smallest=smallest):
            raise ConfigError(f"repeat.{name} is {value!r}; expected a whole number from {smallest}")
    n_runs = len(seeds) * (repeat["folds"] or 1)
    if n_runs > _MOST_RUNS:
        raise ConfigError(f"repeat asks for {n_runs:,} runs; expected at most {_MOST_RUNS:,}: fewer seeds or folds")
    if repeat["folds"] and settings["fold"]:
        raise ConfigError("fold goes with one run, and repeat.folds with all folds; leave one of them out")
    if settings["ckpt_path"] is not None:
        raise ConfigError(
            "ckpt_path goes with one run; leave it out, and start a repeated run again in its folder (hydra.run.dir)"
        )
    _check_one_process(settings["trainer"])


def _check_one_process(trainer: Mapping[str, Any]) -> None:
    """Check that a run trains in the process that starts it: others would run the whole command, repetitions and all."""
    devices, strategy = trainer.get("devices"), trainer.get("strategy")
    kind = strategy.get("_target_") if isinstance(strategy, Mapping) else strategy
    is_alone = {
        "devices": devices in (None, 1, "1") or (isinstance(devices, list) and len(devices) == 1),
        "num_nodes": trainer.get("num_nodes") in (None, 1),
        "strategy": kind in (None, "auto") or "single" in str(kind).lower(),
    }
    for name in (name for name, holds in is_alone.items() if not holds):
        raise ConfigError(
            f"trainer.{name} is {trainer[name]!r}; expected one process for each repetition of a repeated run: "
            "trainer.devices=1 and neither trainer=ddp, another strategy nor more nodes; "
            "repeat.n_workers=… runs so many repetitions side by side"
        )


def _check_fold(fold: object) -> None:
    if fold is None:
        return
    is_pair = isinstance(fold, Mapping) and set(fold) == {"index", "of"} and _is_whole(fold["of"], smallest=2)
    if not is_pair or not _is_whole(fold["index"], smallest=1) or fold["index"] > fold["of"]:  # type: ignore[index]
        raise ConfigError(f"fold is {fold!r}; expected a fold from 1 and the number of folds, as in fold={{index:1,of:5}}")


def _is_whole(value: object, *, smallest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and smallest <= value <= _LARGEST
