"""The origin of a checkpoint: the model config, what its fields learned, and the settings of its optimiser.

Weights fit any model of the same shapes, so shapes do not show that a checkpoint belongs to other words or labels.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from seqlab import __version__
from seqlab.config.build import known_targets, locate
from seqlab.config.compose import MODEL_KEYS
from seqlab.config.tree import leaves
from seqlab.data.fields.registry import Fields
from seqlab.errors import CheckpointError

OPTIMISED = ("optimizer", "scheduler", "parameter_groups")
_N_SHOWN = 3


def origin_of(settings: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """Return the origin of the checkpoints of a run, as plain values."""
    return {
        "version": __version__,
        "model": {key: settings[key] for key in MODEL_KEYS},
        "fields": {key: _fingerprint(field.state(), field.arrays()) for key, field in fields.by_key.items()},
        "columns": {key: field.column for key, field in fields.by_key.items()},
        "optimisation": {key: settings[key] for key in OPTIMISED},
    }


def check_origin(there: Mapping[str, Any], here: Mapping[str, Any], *, path: Path) -> None:
    """Raise CheckpointError naming what differs between the model of a checkpoint and that of this run."""
    # Where two runs differ in both, the fields differ because the model does.
    found = differences(there.get("model"), here["model"]) or _other_fields(there, here)
    if found:
        more = f" and {len(found) - _N_SHOWN} more" if len(found) > _N_SHOWN else ""
        remedy = (
            "use the overrides and data of that run (seqlab resume does), or ckpt_check=false to start from it nevertheless"
        )
        raise CheckpointError(f"{path} is of another model: {'; '.join(found[:_N_SHOWN])}{more}; {remedy}")


def differences(there: Any, here: Any) -> list[str]:
    """Return `KEY is A there and B here` for every setting that differs."""
    # An empty mapping says no more than that the keys below it are absent.
    then, now = ({key: value for key, value in leaves(node) if value != {}} for node in (there, here))

    def shown(settings: Mapping[str, Any], key: str) -> str:
        return repr(settings[key]) if key in settings else "absent"

    return [
        f"{key} is {shown(then, key)} there and {shown(now, key)} here"
        for key in dict.fromkeys((*then, *now))
        if shown(then, key) != shown(now, key) and not (key not in then and _is_default(key, now))
    ]


def _is_default(key: str, settings: Mapping[str, Any]) -> bool:
    """Return whether a setting has the default of its constructor: that of a version which did not know it yet."""
    parent, _, name = key.rpartition(".")
    target = settings.get(f"{parent}._target_")
    if target not in known_targets():
        return False
    parameter = signature(locate(target, targets=known_targets(), path=parent)).parameters.get(name)
    return parameter is not None and repr(parameter.default) == repr(settings[key])


def _other_fields(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    then = there.get("fields")
    known = then if isinstance(then, Mapping) else {}
    return [
        f"column {column!r}: its words or labels, learned from the training data, differ from those here"
        for column in dict.fromkeys(here["columns"][key] for key, value in here["fields"].items() if known.get(key) != value)
    ]


def _fingerprint(state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    digest = sha256(json.dumps(dict(state), sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        # Type and shape too: arrays of other shapes may have the same bytes.
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
