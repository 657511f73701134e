"""Check tensors before they become the weights of a model, or are saved as such."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def fault_in(found: Mapping[str, Tensor], module: nn.Module) -> str | None:
    """Return what makes tensors unfit to become the state of a module, or None if they fit.

    Names, shapes and types must be equal: torch would convert other types, and lose precision or range without a word.
    Values must be finite.
    """
    expected = module.state_dict()
    for name in sorted(found.keys() | expected.keys()):
        there, here = _described(found.get(name)), _described(expected.get(name))
        if there != here:
            return f"{name} is {there} there and {here} here"
    return not_finite(found, module)


def not_finite(state: Mapping[str, Tensor], module: nn.Module) -> str | None:
    """Return the first tensor in the state of a module with values that cannot be used, and their number; None if all can be.

    Parameters must be finite. Buffers may hold infinities, such as the logs of counts that are 0, but no NaN.
    """
    learned = dict(module.named_parameters())
    for name, tensor in state.items():
        is_good = torch.isfinite(tensor) if name in learned else ~torch.isnan(tensor)
        if not is_good.all():
            n_bad = tensor.numel() - int(is_good.sum())
            return f"{name} has {n_bad:,} of {tensor.numel():,} values that are not finite (NaN or infinite)"
    return None


def _described(tensor: Tensor | None) -> str:
    return "absent" if tensor is None else f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
