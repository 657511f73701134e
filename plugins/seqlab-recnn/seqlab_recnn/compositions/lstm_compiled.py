"""Tree-LSTMs over whole forests, by the functions compiled from `lstm.c`. Equations: lstm.py.

Each thread runs the trees of its records from the leaves to the roots.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqlab.functional.autograd import apply
from seqlab.functional.native import Operator, check_arrays
from seqlab_recnn.compositions.compiled import LSTM, ROWS, Rows, run
from seqlab_recnn.compositions.lstm_levels import LstmWeights
from seqlab_recnn.data.forest import Forest


def states_compiled(
    forest: Forest,
    products: Float[Tensor, "leaf gate"],
    weights: LstmWeights,
    *,
    n_places: int,
    mask: Float[Tensor, "row unit"] | None,
) -> Float[Tensor, "row state"]:
    """Return the states of all rows; `products` of leaves, biases in them, are overwritten; `mask` scales the candidates.

    `n_places` is 0 for child-sum; N-ary weights take forests of any arity here.
    """
    _check(forest, products, weights, n_places=n_places, mask=mask)
    parts = weights.joint, weights.joint_bias, weights.own, weights.own_bias
    states: Tensor = _OPERATOR(*Rows.of(forest), n_places, mask, products, *parts)
    return states


def _states(*arguments: Any) -> Tensor:
    """Return the states for the arguments of the operator."""
    *rows, n_places, mask, products, joint, joint_bias, own, own_bias = arguments
    parts = mask, products.contiguous(), joint, joint_bias, own, own_bias
    states: Tensor = apply(_CompiledStates, Rows(*rows), n_places, *parts)
    return states


def _shapes(*arguments: Any) -> Tensor:
    level_ends, products = arguments[len(Rows._fields) - 1], arguments[len(Rows._fields) + 2]
    shape: Tensor = products.new_empty(level_ends[-1], 2 * (products.shape[1] // 3))
    return shape


_OPERATOR = Operator(
    "tree_lstm",
    f"{ROWS}, int n_places, Tensor? mask, Tensor products, Tensor joint, Tensor joint_bias, Tensor? own, Tensor? own_bias",
    _states,
    shapes=_shapes,
)


def _check(forest: Forest, products: Tensor, weights: LstmWeights, *, n_places: int, mask: Tensor | None) -> None:
    """Raise ValueError for tensors that do not fit the forest and the weights."""
    width = weights.joint.shape[0] // n_places if n_places else weights.joint.shape[1]
    n_gates = (3 + n_places) * width
    arrays: dict[str, tuple[object, tuple[int, ...]]] = {
        "products": (products, (forest.level_ends[0], 3 * width)),
        "joint": (weights.joint, (n_places * width, n_gates) if n_places else (n_gates, width)),
        "joint_bias": (weights.joint_bias, (n_gates,)),
        "own": (weights.own, (width, width)),
        "own_bias": (weights.own_bias, (width,)),
        "mask": (mask, (forest.n_rows, width)),
    }
    check_arrays("states_compiled", weights.joint, arrays)


class _CompiledStates(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        forest: Rows,
        n_places: int,
        mask: Tensor | None,
        leaves: Tensor,
        joint: Tensor,
        joint_bias: Tensor,
        own: Tensor | None,
        own_bias: Tensor | None,
    ) -> Tensor:
        width = leaves.shape[1] // 3
        n_inner, n_edges = forest.n_rows - len(leaves), 0 if n_places else len(forest.children)
        made = {
            "states": leaves.new_empty(forest.n_rows, 2 * width),
            "squashed": leaves.new_empty(forest.n_rows, width),
            "seen": leaves.new_empty(n_inner, max(1, n_places) * width),
            "gates": leaves.new_empty(n_inner, (3 + n_places) * width),
            "reads": leaves.new_empty(n_edges, width),
            "forget": leaves.new_empty(n_edges, width),
        }
        given = {"leaves": leaves, "joint": joint, "own": own, "mask": mask}
        biases = {"joint_bias": joint_bias, "own_bias": own_bias}
        ctx.shared = {"n_shares": min(torch.get_num_threads(), len(forest.lengths)), "forest": forest}
        ctx.sizes = {"width": width, "n_places": n_places}
        run(LSTM, "lstm_forward", **ctx.shared, values={**ctx.sizes, **made, **given, **biases})
        states = made.pop("states")
        ctx.tape = {**made, **given}
        # An output kept on `ctx` itself would be a cycle, freed by the garbage collector alone; saved weights raise an error if
        # they were changed in between.
        ctx.save_for_backward(states, joint, own)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_states: Tensor) -> tuple[Tensor | None, ...]:
        states, *_ = ctx.saved_tensors
        tape = {**ctx.tape, "states": states}
        d_states = d_states.contiguous().clone()
        made = {"d_states": d_states, **{f"d_{name}": torch.empty_like(tape[name]) for name in ("leaves", "gates", "forget")}}
        run(LSTM, "lstm_backward", **ctx.shared, values={**ctx.sizes, **tape, **made})
        d_gates, d_forget = made["d_gates"], made["d_forget"]
        if ctx.sizes["n_places"]:
            return None, None, None, made["d_leaves"], tape["seen"].T @ d_gates, d_gates.sum(0), None, None
        of_sums = d_gates.T @ tape["seen"], d_gates.sum(0)
        return None, None, None, made["d_leaves"], *of_sums, d_forget.T @ tape["reads"], d_forget.sum(0)
