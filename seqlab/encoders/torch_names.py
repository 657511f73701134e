"""Names of parameters in the modules of `torch.nn`, such as `weight_ih_l0_reverse`, and in layers of cells."""

import re
from typing import Any

from torch import nn

_OURS = re.compile(r"layers\.(\d+)\.cells\.([01])\.(\w+)")
_THEIRS = re.compile(r"(\w+)_l(\d+)(_reverse)?")


def find_place(name: str, *, n_layers: int, n_directions: int) -> tuple[int, int, str] | None:
    """Return layer, direction and name in the cell of a parameter that torch calls `name`; None if there is no such cell."""
    found = _THEIRS.fullmatch(name)
    if found is None:
        return None
    layer, direction = int(found[2]), int(bool(found[3]))
    return (layer, direction, found[1]) if layer < n_layers and direction < n_directions else None


def name_as_torch(module: nn.Module, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    """Give the entries of a state dict the names that torch gives them: a hook after `state_dict`."""
    for name in [name for name in state if name.startswith(prefix)]:
        if found := _OURS.fullmatch(name.removeprefix(prefix)):
            layer, direction, kind = found.groups()
            state[f"{prefix}{kind}_l{layer}{'_reverse' * int(direction)}"] = state.pop(name)


def name_as_ours(module: Any, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Give the entries of a state dict the names that they have here: a hook before `load_state_dict`.

    Entries of layers that the module lacks keep theirs, for torch's message about them.
    """
    for name in [name for name in state if name.startswith(prefix)]:
        if place := find_place(name.removeprefix(prefix), n_layers=module.num_layers, n_directions=1 + module.bidirectional):
            layer, direction, kind = place
            state[f"{prefix}layers.{layer}.cells.{direction}.{kind}"] = state.pop(name)
