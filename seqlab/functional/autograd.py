"""Calling functions that have a backward pass of their own."""

from typing import Any

import torch
from torch import Tensor


def apply(function: type[torch.autograd.Function], *arguments: Any) -> Any:
    """Return what `function` makes of the arguments, its gradients on record.

    Autocast is off inside: such a function chooses its types itself, and writes into buffers made for them.
    """
    device = next((one.device.type for one in arguments if isinstance(one, Tensor)), "cpu")
    if not torch.is_autocast_enabled(device):
        return function.apply(*arguments)
    with torch.autocast(device, enabled=False):
        return function.apply(*arguments)
