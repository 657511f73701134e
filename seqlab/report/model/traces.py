"""Trace a recurrent layer on one record: gates, states, and how far the influence of an input reaches."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.encoders import Cell, Encoder
from seqlab.encoders.cells import State
from seqlab.encoders.cells.base import draw_noise
from seqlab.encoders.layer import RecurrentLayer
from seqlab.functional.recurrence.noise import Noise
from seqlab.steps import Steps

MAX_MATRIX_STEPS = 64
"""For longer records only the influence of the first step is computed: the full matrix takes quadratic time."""


class CellTrace(NamedTuple):
    """One direction of one layer over one record, in reading order."""

    layer: str
    """Path in the model, such as `encoder.layers.0`."""
    direction: int
    """0 is forward, 1 is backward."""
    cell: Cell
    inputs: Float[Tensor, "time feature"]
    """Input of the layer."""
    gates: Mapping[str, Float[Tensor, "time _"]]
    states: Mapping[str, Float[Tensor, "time _"]]
    """`hidden`, and for an LSTM `cell`."""
    influence: Float[Tensor, "source time"]
    """Frobenius norm of d h_t / d x_source; 0 where t precedes the source. Records with more than `MAX_MATRIX_STEPS` steps have
    a single row, for the first step."""

    @property
    def is_backward(self) -> bool:
        """Whether the layer reads from the end."""
        return self.direction == 1

    @property
    def reading(self) -> str:
        """The direction in words."""
        return "backwards" if self.is_backward else "forwards"

    def in_text_order(self, values: Float[Tensor, "time unit"]) -> Float[Tensor, "time unit"]:
        """Return values in record order."""
        return values.flip(0) if self.is_backward else values


def trace_encoder(encoder: Encoder, steps: Steps, *, batch: Batch | None = None) -> list[CellTrace]:
    """Trace every direction of every recurrent layer of `encoder` on the one record in `steps`.

    `batch` holds the other inputs of the encoder, if it has any.
    """
    encoder.eval()
    with torch.no_grad(), _inputs_of(encoder) as seen:
        encoder(steps) if batch is None else encoder.encode(steps, batch)
    # Hooks see only the module, not its name.
    names = {id(part): f"encoder.{name}" for name, part in encoder.named_modules()}
    length = int(steps.lengths[0])
    return [
        trace_cell(cell, inputs[:length, 0], layer=names[id(layer)], direction=direction, state=tuple(state))
        for layer, read in seen
        for direction, (cell, inputs, *state) in enumerate(
            zip(layer.cell_of_each, read, *layer.first_state(read), strict=True), layer.first_direction
        )
    ]


def trace_cell(
    cell: Cell,
    inputs: Float[Tensor, "time feature"],
    *,
    layer: str = "",
    direction: int = 0,
    state: State | None = None,
) -> CellTrace:
    """Run `cell` over `inputs` in evaluation mode; the initial `state` (a batch of one) defaults to zero."""
    # In evaluation mode nothing is dropped; the cell's interface asks for the noise all the same.
    noise = draw_noise([cell.eval()], inputs[None, :, None]).at(0, 0)
    before = cell.zero_state(inputs[:1]) if state is None else tuple(part.detach() for part in state)
    states, gates = [before], list[dict[str, Tensor]]()
    with torch.no_grad():
        for row in inputs:
            after, opened = cell.step(row[None], states[-1], noise=noise)
            states.append(after)
            gates.append(opened)
    return CellTrace(
        layer=layer,
        direction=direction,
        cell=cell,
        inputs=inputs,
        gates={name: torch.cat([step[name] for step in gates]) for name in gates[0]} if gates else {},
        states={name: torch.cat([s[i] for s in states[1:]] or [before[i][:0]]) for i, name in enumerate(cell.state_widths)},
        influence=_influence(cell, inputs, states[:-1], noise=noise),
    )


@contextmanager
def _inputs_of(encoder: nn.Module) -> Iterator[list[tuple[RecurrentLayer, Tensor]]]:
    """Collect the input of each recurrent layer of `encoder`, (direction time batch feature), while it runs."""
    seen: list[tuple[RecurrentLayer, Tensor]] = []

    def keep(layer: nn.Module, inputs: Any, options: Any) -> None:
        seen.append((cast(RecurrentLayer, layer), inputs[0]))

    layers = [part for part in encoder.modules() if isinstance(part, RecurrentLayer)]
    hooks = [layer.register_forward_pre_hook(keep, with_kwargs=True) for layer in layers]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _influence(cell: Cell, inputs: Tensor, states: Sequence[State], *, noise: Noise) -> Tensor:
    """Return the norms of d h_t / d x_s, as products of the Jacobians of single steps."""
    n_steps = len(inputs)
    n_sources = n_steps if n_steps <= MAX_MATRIX_STEPS else 1
    norms = inputs.new_zeros(n_sources, n_steps)
    if not n_steps:
        return norms
    widths = list(cell.state_widths.values())
    width = widths[0]

    def step(row: Tensor, state: Tensor) -> Tensor:
        after, _ = cell.step(row[None], tuple(state[None].split(widths, -1)), noise=noise)
        return torch.cat(after, -1)[0]

    flat = torch.stack([torch.cat(state, -1)[0] for state in states])
    # Chunks bound the memory of the Jacobians of long records.
    by_input, by_state = torch.func.vmap(torch.func.jacrev(step, argnums=(0, 1)), chunk_size=8)(inputs, flat)
    for source in range(n_sources):
        total = by_input[source].detach()
        norms[source, source] = total[:width].double().norm()
        for t in range(source + 1, n_steps):
            # The product grows by one step's Jacobian at a time, so each source costs one pass over the later steps.
            total = by_state[t].detach() @ total
            norms[source, t] = total[:width].double().norm()  # in float32, squares of values below 1e-19 underflow to 0
    return norms
