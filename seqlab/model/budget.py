"""Limits on what a bundle may build: its config may name any size, but its weights fill only so much."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.overrides import TorchFunctionMode

from seqlab.config.tree import walk
from seqlab.errors import BundleError

_MAKERS = {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.eye}
_SLACK = 2**23
"""Values that a model may hold beyond its weights, such as tables of allowed transitions; 32 MiB as float32."""


@contextmanager
def limited_to(weights: Mapping[str, Tensor], *, config: Mapping[str, Any]) -> Iterator[None]:
    """Inside, raise BundleError before a model with `config` grows beyond its weights."""
    n_values = sum(tensor.numel() for tensor in weights.values())
    for path, value in walk(config, with_lists=True):
        # No size of a real model exceeds the number of values that its weights and tables hold.
        if isinstance(value, int | float) and abs(value) > n_values + _SLACK:
            raise BundleError(f"{path} is {value}, but the weights have {n_values:,} values")
    n_built = n_parameters = 0

    def count(module: nn.Module, name: str, parameter: Tensor | None) -> None:
        nonlocal n_built, n_parameters
        n_built += 0 if parameter is None else parameter.numel()
        n_parameters += 1
        # Parametrised weights are registered twice.
        # Counting parameters too stops a config with very many tiny layers.
        if n_parameters > 2 * len(weights) + 16 or n_built > 2 * n_values + _SLACK:
            raise BundleError(f"the config describes a larger model than the {len(weights):,} weights ({n_values:,} values)")

    handle = register_module_parameter_registration_hook(count)
    try:
        with _SmallTensors(2 * n_values + _SLACK):
            yield
    finally:
        handle.remove()


class _SmallTensors(TorchFunctionMode):
    """Refuses to make a tensor with more than `limit` values, before it takes memory."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _MAKERS:
            # These functions take their size as one sequence, as several numbers or by name.
            size = kwargs.get("size", args[0] if args and isinstance(args[0], list | tuple) else args)
            n_values = math.prod(one for one in size if isinstance(one, int))
            # With one number, `eye` makes a square.
            if func is torch.eye and len(size) == 1:
                n_values **= 2
            if n_values > self.limit:
                raise BundleError(f"the config describes a tensor of {n_values:,} values, more than the weights hold")
        return func(*args, **kwargs)
