"""Differentiable functions as torch operators, which `torch.compile` and `torch.export` keep whole.

Only captured programs call the operators: eager code calls the functions themselves, since a trip through torch's
dispatcher costs tens of microseconds, as much as a kernel on a short sentence.
"""

from collections.abc import Callable, Sequence
from typing import Any, final

import torch
from torch import Tensor

_NAMESPACE = "seqlab"
# A FRAGMENT adds to a namespace in which other libraries may define operators too.
_LIBRARY = torch.library.Library(_NAMESPACE, "FRAGMENT")
# One implementation for all devices that still lets `register_autograd` add the gradient.
_EVERY_DEVICE = "CompositeExplicitAutograd"


@final
class Operator:
    """The operators `seqlab::NAME` and `seqlab::NAME_backward` of one function.

    The backward operator computes the function again before its gradients: what its forward pass saves is no concern of a
    captured program, and neither operator writes to its arguments.

    Args:
        name: Name of the operator.
        arguments: Its arguments in torch's schema language, such as `Tensor scores, int blank`, without defaults.
        function: The function, differentiable by autograd; it may overwrite its arguments.
        shapes: Returns empty tensors like those that the function returns, contiguous.
        n_outputs: Number of tensors that the function returns; a single one is returned bare.
        is_differentiable: Whether there is a backward operator; call the operator with detached tensors where there is none.
    """

    def __init__(
        self,
        name: str,
        arguments: str,
        function: Callable[..., Any],
        *,
        shapes: Callable[..., Any],
        n_outputs: int = 1,
        is_differentiable: bool = True,
    ) -> None:
        self._function = function
        outputs = "Tensor" if n_outputs == 1 else f"({', '.join(['Tensor'] * n_outputs)})"
        qualified = f"{_NAMESPACE}::{name}"
        _LIBRARY.define(f"{name}({arguments}) -> {outputs}")
        _LIBRARY.impl(name, self._run, _EVERY_DEVICE)
        torch.library.register_fake(qualified, shapes, lib=_LIBRARY)
        self.forward = getattr(torch.ops.seqlab, name).default
        if is_differentiable:
            _LIBRARY.define(f"{name}_backward(Tensor?[] gradients, bool[] needed, {arguments}) -> Tensor[]")
            _LIBRARY.impl(f"{name}_backward", self._differentiate, _EVERY_DEVICE)
            torch.library.register_fake(f"{qualified}_backward", _gradient_shapes, lib=_LIBRARY)
            torch.library.register_autograd(qualified, self._backward, setup_context=_save, lib=_LIBRARY)
            self.backward = getattr(torch.ops.seqlab, f"{name}_backward").default

    def __call__(self, *arguments: Any) -> Any:
        """Call the operator in a program that is being captured, else the function."""
        return self.forward(*arguments) if torch.compiler.is_compiling() else self._function(*arguments)

    def _run(self, *arguments: Any) -> Any:
        with torch.no_grad():
            # The function may overwrite its arguments, which an operator must not; hence the copies.
            outputs = self._function(*map(_copied, arguments))
        # Copies: operators may return neither views nor one tensor twice.
        return _contiguous(outputs) if isinstance(outputs, Tensor) else tuple(map(_contiguous, outputs))

    def _differentiate(self, gradients: Sequence[Tensor | None], needed: Sequence[bool], *arguments: Any) -> list[Tensor]:
        copies = list(map(_copied, arguments))
        # The copies are new leaves: autograd stops there and does not run into the captured graph.
        leaves = [one.requires_grad_() for one in _selected(copies, needed)]
        with torch.enable_grad():
            outputs = self._function(*copies)
        outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
        # autograd.grad refuses outputs without a graph, and gradients of None.
        used = [one.requires_grad and gradient is not None for one, gradient in zip(outputs, gradients, strict=True)]
        found = torch.autograd.grad(
            _selected(outputs, used), leaves, _selected(gradients, used), allow_unused=True, materialize_grads=True
        )
        return [_contiguous(one) for one in found]

    def _backward(self, ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        arguments = list(ctx.others)
        for place, tensor in zip(ctx.places, ctx.saved_tensors, strict=True):
            arguments[place] = tensor
        needed = list(ctx.needs_input_grad)
        found = iter(self.backward(list(gradients), needed, *arguments))
        return tuple(next(found) if is_needed else None for is_needed in needed)


def _selected(arguments: Sequence[Any], needed: Sequence[bool]) -> list[Tensor]:
    return [one for one, is_needed in zip(arguments, needed, strict=True) if is_needed]


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value


def _contiguous(value: Tensor) -> Tensor:
    return value.detach().clone(memory_format=torch.contiguous_format)


def _gradient_shapes(gradients: Sequence[Tensor | None], needed: Sequence[bool], *arguments: Any) -> list[Tensor]:
    return [torch.empty_like(one, memory_format=torch.contiguous_format) for one in _selected(arguments, needed)]


def _save(ctx: Any, inputs: Sequence[Any], output: Any) -> None:
    ctx.places = [place for place, one in enumerate(inputs) if isinstance(one, Tensor)]
    ctx.others = [None if isinstance(one, Tensor) else one for one in inputs]
    # Tensors must be saved this way for autograd to see their versions; the other arguments may be plain attributes.
    ctx.save_for_backward(*(one for one in inputs if isinstance(one, Tensor)))
