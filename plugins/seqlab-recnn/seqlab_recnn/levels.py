"""A function applied level by level, each level reading what the ones before it gave: over autograd's shoulder.

Autograd alone would copy all states for every level, or keep a graph that joins every level with every other. Here states
stand in one buffer; each level records a graph of its own, and the backward pass goes through them in turn, adding to one
buffer of gradients.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seqlab.functional.autograd import apply

Step: TypeAlias = Callable[[Tensor, Tensor | None, int], Tensor]
"""(states read, inputs of the level's rows, level) -> states of the level's rows."""


def by_level(
    step: Step,
    first: Float[Tensor, "first state"],
    *,
    reads: Sequence[Int[Tensor, " _"]],
    ends: Sequence[int],
    inputs: Float[Tensor, "row feature"] | None,
    module: nn.Module,
) -> Float[Tensor, "row state"]:
    """Return the states of all rows: `first`, and level after level what `step` makes of the rows that it reads.

    `ends` are the numbers of rows up to each level, that of `first` included; `reads[i]` are the rows, all of lower levels,
    that level i + 1 reads. `inputs` has a row for each row of all levels, where the step takes any. `step` may use the
    parameters of `module` and no other.
    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    states: Tensor = apply(_ByLevel, step, reads, ends, first, inputs, *parameters)
    return states


class _ByLevel(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        step: Step,
        reads: Sequence[Tensor],
        ends: Sequence[int],
        first: Tensor,
        inputs: Tensor | None,
        *parameters: Tensor,
    ) -> Tensor:
        wants_gradients = any(ctx.needs_input_grad)
        states = first.new_empty(ends[-1], first.shape[1])
        states[: ends[0]] = first
        tape = []
        for level, rows in enumerate(reads):
            place = slice(ends[level], ends[level + 1])
            read, given = states.index_select(0, rows), None if inputs is None else inputs[place].detach()
            with torch.set_grad_enabled(wants_gradients):
                variables = [read.requires_grad_(wants_gradients)]
                if given is not None:
                    variables.append(given.requires_grad_(wants_gradients))
                made = step(read, given, level)
            states[place] = made.detach()
            tape.append((made, variables))
        ctx.tape, ctx.reads, ctx.ends, ctx.parameters = tape, reads, ends, parameters
        ctx.inputs_like = inputs
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_states: Tensor) -> tuple[Tensor | None, ...]:
        d_states = d_states.clone()
        d_inputs = None if ctx.inputs_like is None else torch.zeros_like(ctx.inputs_like)
        totals: list[Tensor | None] = [None] * len(ctx.parameters)
        for level in reversed(range(len(ctx.reads))):
            place = slice(ctx.ends[level], ctx.ends[level + 1])
            made, variables = ctx.tape[level]
            wanted = [*variables, *ctx.parameters]
            d_made = d_states[place].to(made.dtype)
            d_read, *others = torch.autograd.grad(made, wanted, d_made, allow_unused=True, retain_graph=True)
            if d_read is not None:
                d_states.index_add_(0, ctx.reads[level], d_read.to(d_states.dtype))
            if d_inputs is not None:
                d_given = others.pop(0)
                d_inputs[place] = 0 if d_given is None else d_given
            totals = [_sum(total, part) for total, part in zip(totals, others, strict=True)]
        return None, None, None, d_states[: ctx.ends[0]], d_inputs, *totals


def _sum(total: Tensor | None, part: Tensor | None) -> Tensor | None:
    if total is None or part is None:
        return part if total is None else total
    return total.add_(part)
