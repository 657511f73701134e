"""Apply a function level by level, where each level reads states of earlier levels.

With plain autograd, each level would copy all earlier states, or its graph would span all levels. Here all states are in one
buffer. Each level records its own small graph, and the backward pass runs through these graphs in reverse order, adding to one
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
"""(states the level reads, inputs of its rows, level) -> states of its rows."""


def by_level(
    step: Step,
    first: Float[Tensor, "first state"],
    *,
    reads: Sequence[Int[Tensor, " _"]],
    ends: Sequence[int],
    inputs: Float[Tensor, "row feature"] | None,
    module: nn.Module,
) -> Float[Tensor, "row state"]:
    """Return the states of all rows: `first`, followed by the results of `step` for each level.

    Args:
        step: Computes the states of a level.
        first: The states of level 0.
        reads: For each level from 1 on, the rows of lower levels that it reads.
        ends: For each level from 0 on, the number of rows up to and including it.
        inputs: One input per row, including level 0; None if `step` takes none.
        module: The only module whose parameters `step` may use; gradients of others would be lost.
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
            with torch.set_grad_enabled(wants_gradients):  # autograd is off inside a Function; turn it on for this level
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
        # Gradients of lower levels are added to it, and autograd may share the tensor it passes in.
        d_states = d_states.clone()
        d_inputs = None if ctx.inputs_like is None else torch.zeros_like(ctx.inputs_like)
        totals: list[Tensor | None] = [None] * len(ctx.parameters)
        # From the top: the gradient of a level is complete only when all higher levels have added theirs.
        for level in reversed(range(len(ctx.reads))):
            place = slice(ctx.ends[level], ctx.ends[level + 1])
            made, variables = ctx.tape[level]
            wanted = [*variables, *ctx.parameters]
            d_made = d_states[place].to(made.dtype)  # under autocast a level may compute in lower precision
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
