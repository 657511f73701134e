"""Tree-LSTMs over whole forests as tensor operations, with a backward pass of their own. Equations: lstm.py.

Autograd would record every small operation of every level, and compute the gradients of the weights level by level. Here
products, gates and the children's states are in buffers for all levels, operations write in place, and the gradients of the
weights are one product at the end.
"""

from dataclasses import dataclass, replace
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqlab.functional.autograd import apply
from seqlab_recnn.compositions.base import of_parents, sum_of_children
from seqlab_recnn.data.forest import Forest, Level


@final
@dataclass(frozen=True)
class LstmWeights:
    """Weights of the children's hidden states.

    Child-sum: `joint` of their sum and `own` of each, as linear layers keep them, (3w, w) and (w, w). N-ary: `joint` of them
    side by side (n w, (3 + n) w), in which the forget gates come after i, o and u; no `own`.
    """

    joint: Float[Tensor, "_ _"]
    joint_bias: Float[Tensor, " gate"]
    own: Float[Tensor, "unit unit"] | None
    own_bias: Float[Tensor, " unit"] | None


def states_of(
    forest: Forest, leaves: Float[Tensor, "leaf state"], weights: LstmWeights, *, mask: Float[Tensor, "inner unit"] | None
) -> Float[Tensor, "row state"]:
    """Return the states of all rows; `mask` scales the candidates of inner nodes (None: nothing is dropped).

    N-ary weights take forests whose inner nodes all have as many children as there are places.
    """
    joint, own = weights.joint, weights.own
    if own is not None:
        joint, own = joint.T, own.T
    states: Tensor = apply(_States, forest, leaves, joint, weights.joint_bias, own, weights.own_bias, mask)
    return states


class _States(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        forest: Forest,
        leaves: Tensor,
        joint: Tensor,
        joint_bias: Tensor,
        own: Tensor | None,
        own_bias: Tensor | None,
        mask: Tensor | None,
    ) -> Tensor:
        width = leaves.shape[1] // 2
        tape = _Tape.of(forest, leaves, width=width, n_gates=joint.shape[1], seen_width=joint.shape[0], has_own=own is not None)
        for level in forest.levels():
            at = tape.level(level)
            torch.index_select(tape.states, 0, level.children, out=at.read)
            hidden, cells = at.read.split(width, 1)
            at.seen.copy_(sum_of_children(hidden, level) if own is not None else hidden.reshape(at.seen.shape))
            torch.addmm(joint_bias, at.seen, joint, out=at.gates)
            if own is not None and own_bias is not None:
                torch.addmm(own_bias, hidden, own, out=at.forget)
                at.forget.sigmoid_()
            # i and o, the candidate, and, unless each child has its own, the forget gates.
            at.gates[:, : 2 * width].sigmoid_()
            at.gates[:, 2 * width : 3 * width].tanh_()
            at.gates[:, 3 * width :].sigmoid_()
            in_gate, out_gate, candidate = at.gates[:, : 3 * width].chunk(3, 1)
            if mask is not None:
                candidate = candidate * mask[tape.inner(level)]
            new = tape.states[level.nodes]
            kept = sum_of_children(at.forget_of_edges * cells, level)
            torch.addcmul(kept, in_gate, candidate, out=new[:, width:])
            torch.tanh(new[:, width:], out=at.squashed)
            torch.mul(out_gate, at.squashed, out=new[:, :width])
        ctx.save_for_backward(joint, own, mask)
        # The backward pass needs the states that the tape has read, not the output: kept on `ctx`, an output would be a cycle,
        # freed by the garbage collector alone.
        ctx.forest, ctx.tape = forest, tape.without_states()
        return tape.states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_states: Tensor) -> tuple[Tensor | None, ...]:
        joint, own, mask = ctx.saved_tensors
        tape: _Tape = ctx.tape
        width, d_states = tape.width, d_states.clone()
        d_gates = torch.empty_like(tape.gates)
        d_forget = None if own is None else torch.empty_like(tape.forget)
        for level in reversed(ctx.forest.levels()):
            at, inner = tape.level(level), tape.inner(level)
            d_hidden, d_cell = d_states[level.nodes].split(width, 1)
            in_gate, out_gate, candidate = at.gates[:, : 3 * width].chunk(3, 1)
            d = d_gates[inner]
            d_out = d_hidden * at.squashed
            torch.mul(d_out, out_gate - out_gate * out_gate, out=d[:, width : 2 * width])
            through = d_hidden * out_gate
            d_cell = d_cell + through - through * at.squashed * at.squashed
            seen_candidate = candidate if mask is None else candidate * mask[inner]
            torch.mul(d_cell * seen_candidate, in_gate - in_gate * in_gate, out=d[:, :width])
            d_candidate = d_cell * in_gate if mask is None else d_cell * in_gate * mask[inner]
            torch.mul(d_candidate, 1 - candidate * candidate, out=d[:, 2 * width : 3 * width])
            forget, cells = at.forget_of_edges, at.read[:, width:]
            d_above = of_parents(d_cell, level)
            d_own = d_above * cells * (forget - forget * forget)
            d_read = d_states.index_select(0, level.children)
            d_read[:, width:].addcmul_(d_above, forget)
            if own is not None and d_forget is not None:
                d_forget[level.edges] = d_own
                d_read[:, :width] += of_parents(d @ joint.T, level)
                d_read[:, :width].addmm_(d_own, own.T)
            else:
                d[:, 3 * width :] = d_own.view(level.n_nodes, -1)
                d_read[:, :width] += (d @ joint.T).view(-1, width)
            d_states.index_copy_(0, level.children, d_read)  # each row is the child of one node
        d_weights: list[Tensor | None] = [tape.seen.T @ d_gates, d_gates.sum(0), None, None]
        if d_forget is not None:
            d_weights[2:] = [tape.reads[:, :width].T @ d_forget, d_forget.sum(0)]
        return None, d_states[: ctx.forest.level_ends[0]], *d_weights, None


@dataclass(frozen=True)
class _Level:
    """The buffers of one level."""

    read: Tensor
    seen: Tensor
    gates: Tensor
    forget: Tensor
    squashed: Tensor

    @property
    def forget_of_edges(self) -> Tensor:
        """Return the forget gate of each edge."""
        if self.forget.numel():
            return self.forget
        width = self.squashed.shape[1]
        return self.gates[:, 3 * width :].reshape(-1, width)


@dataclass(frozen=True)
class _Tape:
    """Buffers kept for the backward pass: rows of inner nodes and of edges, level after level."""

    width: int
    n_leaves: int
    states: Float[Tensor, "row state"]
    reads: Float[Tensor, "edge state"]
    seen: Float[Tensor, "inner seen"]
    gates: Float[Tensor, "inner gate"]
    forget: Float[Tensor, "own unit"]
    squashed: Float[Tensor, "inner unit"]

    @classmethod
    def of(cls, forest: Forest, leaves: Tensor, *, width: int, n_gates: int, seen_width: int, has_own: bool) -> "_Tape":
        n_leaves, n_rows = forest.level_ends[0], forest.level_ends[-1]
        n_inner, n_edges = n_rows - n_leaves, len(forest.children)
        states = leaves.new_empty(n_rows, 2 * width)
        states[:n_leaves] = leaves
        return cls(
            width=width,
            n_leaves=n_leaves,
            states=states,
            reads=leaves.new_empty(n_edges, 2 * width),
            seen=leaves.new_empty(n_inner, seen_width),
            gates=leaves.new_empty(n_inner, n_gates),
            forget=leaves.new_empty(n_edges if has_own else 0, width),
            squashed=leaves.new_empty(n_inner, width),
        )

    def without_states(self) -> "_Tape":
        """Return the same buffers without the states."""
        return replace(self, states=self.states.new_empty(0, self.states.shape[1]))

    def inner(self, level: Level) -> slice:
        """Return the place of the level's nodes among the inner ones."""
        return slice(level.nodes.start - self.n_leaves, level.nodes.stop - self.n_leaves)

    def level(self, level: Level) -> _Level:
        """Return the buffers of `level`."""
        inner, edges = self.inner(level), level.edges
        return _Level(self.reads[edges], self.seen[inner], self.gates[inner], self.forget[edges], self.squashed[inner])
