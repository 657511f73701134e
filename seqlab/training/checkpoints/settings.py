"""The optimiser settings of a resumed run: those that can change take effect, the others are refused by name.

Lightning restores optimiser and schedule from the checkpoint, with the options that they had. A new learning rate scales what
the schedule has made of the old one, since all schedules but for their absolute lower bounds are proportional to it.
"""

import logging
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from torch.optim import Optimizer

from seqlab.errors import CheckpointError
from seqlab.training.checkpoints.origin import differences

log = logging.getLogger(__name__)
_CHANGEABLE = ("lr", "weight_decay")
_OWN_SCHEDULES = "seqlab.training.lr_schedules."
_RATES = ("lr", "max_lr", "min_lr", "initial_lr")
"""Rates in a parameter group; the last three are those of schedules."""
_RATES_OF_SCHEDULE = ("base_lrs", "_last_lr")


def check_changes(there: Mapping[str, Any], here: Mapping[str, Any], *, path: Path) -> None:
    """Log the optimiser settings that differ from those of the checkpoint.

    Raises: CheckpointError for one that a resumed run cannot change.
    """
    for change in differences(there, here):
        key = change.split(" ", 1)[0]
        if not _can_change(key, here):
            remedy = "keep the setting of the run, or start a new one without ckpt_path"
            raise CheckpointError(f"{path} cannot be resumed with other optimisation: {change}; {remedy}")
        log.info("resuming with a new value: %s", change)


def _can_change(key: str, here: Mapping[str, Any]) -> bool:
    *node, option = key.split(".")
    if node[:1] == ["scheduler"]:
        # These compute the rate from the epoch alone, and their length follows trainer.max_epochs.
        factory = (here["scheduler"] or {}).get("factory", {}).get("_target_", "")
        return option == "n_epochs" and factory.startswith(_OWN_SCHEDULES)
    return option in _CHANGEABLE


def with_new_options(content: Mapping[str, Any], optimizer: Optimizer) -> dict[str, Any]:
    """Return the content of a checkpoint with the learning rates and weight decays of a new `optimizer`."""
    changed = {
        **content,
        "optimizer_states": deepcopy(content["optimizer_states"]),
        "lr_schedulers": deepcopy(content["lr_schedulers"]),
    }
    (state,) = changed["optimizer_states"]
    for place, (old, new) in enumerate(zip(state["param_groups"], optimizer.param_groups, strict=True)):
        if "weight_decay" in new:
            old["weight_decay"] = new["weight_decay"]
        # Schedules store the rate that they began with; `lr` is what they have made of it.
        was, rate = old.get("initial_lr", old["lr"]), new.get("initial_lr", new["lr"])
        if was == rate:
            continue
        for holder, keys in [(old, _RATES), *((schedule, _RATES_OF_SCHEDULE) for schedule in changed["lr_schedulers"])]:
            for key in keys:
                values = holder.get(key)
                if isinstance(values, list):
                    values[place] = _scaled(values[place], was, rate)
                elif values is not None:
                    holder[key] = _scaled(values, was, rate)
    return changed


def _scaled(value: float, was: float, rate: float) -> float:
    return value * rate / was if was else rate
