"""Call functions that have a backward pass of their own."""

from typing import Any

import torch
from torch import Tensor


def apply(function: type[torch.autograd.Function], *arguments: Any) -> Any:
    """Apply `function` to the arguments, recorded by autograd.

    Autocast is off inside: these functions choose their types, and write into buffers of those types.
    """
    device = next((one.device.type for one in arguments if isinstance(one, Tensor)), "cpu")
    if not torch.is_autocast_enabled(device):
        return function.apply(*arguments)
    with torch.autocast(device, enabled=False):
        return function.apply(*arguments)
