"""Call functions that have a backward pass of their own."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def apply(function: type[torch.autograd.Function], *arguments: Any) -> Any:
    """Apply `function` to the arguments, recorded by autograd.

    Autocast is off inside: these functions choose their types, and write into buffers of those types.
    """
    device = next((one.device.type for one in arguments if isinstance(one, Tensor)), "cpu")
    # The usual case skips the context manager, which costs time at every call.
    if not torch.is_autocast_enabled(device):
        return function.apply(*arguments)
    with torch.autocast(device, enabled=False):
        return function.apply(*arguments)


def differentiate(
    forward: Callable[..., tuple[Any, Sequence[Tensor | None]]],
    backward: Callable[..., Sequence[Tensor | None]],
    *inputs: Tensor | None,
) -> Any:
    """Return the output of `forward`, recorded by autograd: differentiable once, with autocast off as in `apply`.

    Args:
        forward: Called with the inputs; returns the output, one tensor or a tuple, and the tensors that `backward` reads.
        backward: Called with a list of these tensors and the gradient of each output (of several, None is zero); returns a
            gradient for each input, None for one without; they are cast to the types of the inputs.
        inputs: The tensors to differentiate by; one without a value is None.
    """
    return apply(_Differentiated, forward, backward, *inputs)


class _Differentiated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, forward: Callable[..., Any], backward: Callable[..., Any], *inputs: Tensor | None) -> Any:
        ctx.run_backward, ctx.dtypes = backward, [None if one is None else one.dtype for one in inputs]
        output, saved = forward(*inputs)
        ctx.set_materialize_grads(isinstance(output, Tensor))  # of several outputs, an unused one costs no tensor of zeros
        ctx.save_for_backward(*saved)
        return output

    @staticmethod
    # The backward passes are written by hand and have no derivative: a second differentiation must fail, not give zeros.
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        found = zip(ctx.run_backward(ctx.saved_tensors, *gradients), ctx.dtypes, strict=True)
        # The two leading Nones stand for `forward` and `backward`, which autograd counts among the inputs.
        return None, None, *(None if dtype is None or one is None else one.to(dtype) for one, dtype in found)
