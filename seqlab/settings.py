"""Checks of the settings that belong to no part of a model: those at the top of `train.yaml`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqlab.errors import ConfigError

_SMALLEST = {"seed": 0, "max_tokens": 1, "max_eval_tokens": 1, "n_threads": 1}
_OPTIONAL = ("n_threads",)
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
        if not isinstance(value, int) or isinstance(value, bool) or not smallest <= value <= _LARGEST:
            raise ConfigError(f"{name} is {value!r}; expected a whole number from {smallest} to {_LARGEST:,}")
    checkpoint = settings["ckpt_path"]
    if checkpoint is not None and not Path(checkpoint).is_file():
        raise ConfigError(f"ckpt_path is {checkpoint!r}, which is no file; expected a run's checkpoints/last.ckpt or best.ckpt")
