"""Recursive networks over whole forests, p = f(W seen + b), by the functions compiled from `recursive.c`."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqlab.functional.autograd import apply
from seqlab.functional.native import check_arrays
from seqlab.functional.recurrence.activations import Activation
from seqlab_recnn.compositions.compiled import RECURSIVE, run
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
    assert weights
    _check(forest, leaves, weights, biases, n_places=n_places, mask=mask)
    settings = {"n_places": n_places, "function": FUNCTIONS.index(activation.name), "n_kinds": len(weights)}
    states: Tensor = apply(_CompiledStates, forest, settings, mask, leaves, *weights, *biases)
    return states


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
    largest = max((group.production for level in forest.groups for group in level), default=0)
    if len(weights) > 1 and largest >= len(weights):
        raise ValueError(f"states_compiled: the forest has production {largest}; expected at most {len(weights) - 1}")


class _CompiledStates(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, forest: Forest, settings: dict[str, int], mask: Tensor | None, leaves: Tensor, *parameters: Tensor
    ) -> Tensor:
        n_kinds, width, n_inner = settings["n_kinds"], leaves.shape[1], forest.n_rows - len(leaves)
        states = leaves.new_empty(forest.n_rows, width)
        states[: len(leaves)] = leaves
        ctx.tape = {
            "seen": leaves.new_empty(n_inner, max(1, settings["n_places"]) * width),
            "values": leaves.new_empty(n_inner, width),
            "kinds": torch.empty(n_inner, dtype=torch.int64),
            "productions": None if n_kinds == 1 else forest.productions,
            "mask": mask,
        }
        ctx.shared = {"n_shares": min(torch.get_num_threads(), len(forest.lengths)), "forest": forest}
        ctx.settings = {**settings, "width": width}
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
        d_weights, d_biases = _of_kinds(ctx, d_values)
        return None, None, None, d_states[: ctx.shared["forest"].level_ends[0]], *d_weights, *d_biases


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
