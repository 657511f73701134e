"""Recursive networks over whole forests, p = f(W seen + b), by the functions compiled from `recursive.c`."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqlab.functional.autograd import apply
from seqlab.functional.native import Operator, check_arrays
from seqlab.functional.recurrence.activations import Activation
from seqlab_recnn.compositions.compiled import RECURSIVE, ROWS, Rows, run
from seqlab_recnn.data.forest import Forest

FUNCTIONS = ("tanh", "sigmoid", "relu", "identity")


def states_compiled(
    forest: Forest,
    leaves: Float[Tensor, "leaf unit"],
    *,
    weights: Sequence[Tensor],
    biases: Sequence[Float[Tensor, " unit"]],
    n_places: int,
    activation: Activation,
    mask: Float[Tensor, "row unit"] | None,
) -> Float[Tensor, "row unit"]:
    """Return the states of all rows. Weights and biases are those of each production, or of all nodes where there is one.

    Weights are (place, unit, unit); where `n_places` is 0 they are those of linear layers, which see the largest of each unit.
    """
    _check(forest, leaves, weights, biases, n_places=n_places, mask=mask)
    settings = n_places, FUNCTIONS.index(activation.name), mask, leaves
    if torch.compiler.is_compiling():
        states: Tensor = _OPERATOR.forward(*Rows.of(forest), *settings, torch.stack(list(weights)), torch.stack(list(biases)))
    else:
        states = _states(*Rows.of(forest), *settings, *weights, *biases)
    return states


def _states(*arguments: Any) -> Tensor:
    """Return the states for the arguments of the operator; weights and biases may also be several tensors each."""
    n_rows = len(Rows._fields)
    states: Tensor = apply(_CompiledStates, Rows(*arguments[:n_rows]), *arguments[n_rows:])
    return states


def _shapes(*arguments: Any) -> Tensor:
    level_ends, leaves = arguments[len(Rows._fields) - 1], arguments[-3]
    shape: Tensor = leaves.new_empty(level_ends[-1], leaves.shape[1])
    return shape


_OPERATOR = Operator(
    "recursive_network",
    f"{ROWS}, int n_places, int function, Tensor? mask, Tensor leaves, Tensor weights, Tensor biases",
    _states,
    shapes=_shapes,
)


def _check(
    forest: Forest, leaves: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor], *, n_places: int, mask: Tensor | None
) -> None:
    """Raise ValueError for tensors that do not fit the forest and the weights."""
    width = weights[0].shape[-1]
    shape = (n_places, width, width) if n_places else (width, width)
    arrays: dict[str, tuple[object, tuple[int, ...]]] = {
        "leaves": (leaves, (forest.level_ends[0], width)),
        **{f"weights.{i}": (one, shape) for i, one in enumerate(weights)},
        **{f"biases.{i}": (one, (width,)) for i, one in enumerate(biases)},
        "mask": (mask, (forest.n_rows, width)),
    }
    check_arrays("states_compiled", weights[0], arrays)
    largest = max((group.production for level in forest.groups for group in level), default=0) if len(weights) > 1 else 0
    if largest >= len(weights):
        raise ValueError(f"states_compiled: the forest has production {largest}; expected at most {len(weights) - 1}")


class _CompiledStates(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, rows: Rows, n_places: int, function: int, mask: Tensor | None, leaves: Tensor, *given: Tensor
    ) -> Tensor:
        # Stacked here: an operator takes no lists, and below torch's dispatcher only this function records a gradient.
        ctx.is_stacked = given[-1].dim() == 2
        parameters = [one for stack in given for one in stack] if ctx.is_stacked else given
        n_kinds, width, n_inner = len(parameters) // 2, leaves.shape[1], rows.n_rows - len(leaves)
        states = leaves.new_empty(rows.n_rows, width)
        states[: len(leaves)] = leaves
        ctx.tape = {
            "seen": leaves.new_empty(n_inner, max(1, n_places) * width),
            "values": leaves.new_empty(n_inner, width),
            "kinds": torch.empty(n_inner, dtype=torch.int64),
            "productions": None if n_kinds == 1 else rows.productions,
            "mask": mask,
        }
        ctx.shared = {"n_shares": min(torch.get_num_threads(), len(rows.lengths)), "forest": rows}
        ctx.settings = {"n_places": n_places, "function": function, "n_kinds": n_kinds, "width": width}
        _call("recursive_forward", ctx, parameters, states=states)
        ctx.save_for_backward(states, *parameters)  # an output kept on `ctx` itself would be a cycle
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_states: Tensor) -> tuple[Tensor | None, ...]:
        d_states = d_states.contiguous().clone()
        d_values = torch.empty_like(ctx.tape["values"])
        states, *parameters = ctx.saved_tensors
        _call("recursive_backward", ctx, parameters, states=states, d_states=d_states, d_values=d_values)
        found = [part for parts in _of_kinds(ctx, d_values) for part in parts]
        if ctx.is_stacked:
            full = [torch.zeros_like(one) if d is None else d for one, d in zip(parameters, found, strict=True)]
            found = [torch.stack(full[: len(full) // 2]), torch.stack(full[len(full) // 2 :])]
        return None, None, None, None, d_states[: ctx.shared["forest"].level_ends[0]], *found


def _call(function: str, ctx: Any, parameters: Sequence[Tensor], **made: Tensor) -> None:
    kept = [parameter.contiguous() for parameter in parameters]
    addresses = torch.tensor([parameter.data_ptr() for parameter in kept])
    weights, biases = addresses.tensor_split(2)
    values = {**ctx.settings, **ctx.tape, "weights": weights, "biases": biases, **made}
    run(RECURSIVE, function, **ctx.shared, values=values)


def _of_kinds(ctx: Any, d_values: Tensor) -> tuple[list[Tensor | None], list[Tensor | None]]:
    """Return the gradients of the weights and of the biases of each kind; None for kinds without nodes."""
    seen, kinds, n_kinds = ctx.tape["seen"], ctx.tape["kinds"], ctx.settings["n_kinds"]
    counts = [len(kinds)] if n_kinds == 1 else torch.bincount(kinds, minlength=n_kinds).tolist()
    if n_kinds > 1:
        order = kinds.argsort(stable=True)
        seen, d_values = seen.index_select(0, order), d_values.index_select(0, order)
    parts = list(zip(seen.split(counts), d_values.split(counts), strict=True))
    if ctx.settings["n_places"]:
        shape = ctx.settings["n_places"], ctx.settings["width"], ctx.settings["width"]
        d_weights = [(one.T @ d).view(shape) if len(d) else None for one, d in parts]
    else:
        d_weights = [d.T @ one if len(d) else None for one, d in parts]
    return d_weights, [d.sum(0) if len(d) else None for _, d in parts]
