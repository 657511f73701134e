"""What a recurrent layer does inside while it reads one record: gates, states, and how far an input's influence reaches."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.encoders import Cell, Encoder
from seqlab.encoders.cells import State
from seqlab.encoders.cells.base import draw_noise
from seqlab.encoders.layer import RecurrentLayer
from seqlab.functional.recurrence.noise import Noise
from seqlab.model.labeler import Labeler
from seqlab.steps import Steps

MAX_MATRIX_STEPS = 64
"""Longer records get the influence of their first step alone: that of every step takes time as their square."""


@final
@dataclass(frozen=True)
class CellTrace:
    """One direction of one layer over one record, in its reading order."""

    layer: str
    """Where the layer is in the model, such as `encoder.layers.0`."""
    direction: int
    """0 = forwards, 1 = backwards."""
    cell: Cell
    inputs: Float[Tensor, "time feature"]
    """What the layer read."""
    gates: Mapping[str, Float[Tensor, "time _"]]
    states: Mapping[str, Float[Tensor, "time _"]]
    """`hidden`, and `cell` of an LSTM."""
    influence: Float[Tensor, "source time"]
    """Norm of d h_t / d x_source (Frobenius), 0 where t comes before the source. One row, that of the first step, for records
    of more than `MAX_MATRIX_STEPS`."""

    @property
    def is_backward(self) -> bool:
        """Whether it reads from the end."""
        return self.direction == 1

    @property
    def reading(self) -> str:
        """The direction in words."""
        return "backwards" if self.is_backward else "forwards"

    def in_text_order(self, values: Float[Tensor, "time unit"]) -> Float[Tensor, "time unit"]:
        """Return what was read in this direction as it stands in the record."""
        return values.flip(0) if self.is_backward else values


def trace(labeler: Labeler, batch: Batch) -> list[CellTrace]:
    """Return a trace of every direction of every recurrent layer of the encoder, for the one record in `batch`."""
    labeler.eval()
    with torch.no_grad():
        steps = labeler.embedding(batch)
    return trace_encoder(labeler.encoder, steps, batch=batch)


def trace_encoder(encoder: Encoder, steps: Steps, *, batch: Batch | None = None) -> list[CellTrace]:
    """Return a trace of every direction of every recurrent layer of `encoder`, for the one record in `steps`.

    `batch` is what an encoder reads beside the steps; None: nothing.
    """
    encoder.eval()
    with torch.no_grad(), _inputs_of(encoder) as seen:
        encoder(steps) if batch is None else encoder.encode(steps, batch)
    names = {id(part): f"encoder.{name}" for name, part in encoder.named_modules()}
    length = int(steps.lengths[0])
    return [
        trace_cell(cell, inputs[:length, 0], layer=names[id(layer)], direction=direction, state=tuple(state))
        for layer, read in seen
        for direction, (cell, inputs, *state) in enumerate(zip(layer.cell_of_each, read, *layer.first_state(read), strict=True))
    ]


def trace_cell(
    cell: Cell,
    inputs: Float[Tensor, "time feature"],
    *,
    layer: str = "",
    direction: int = 0,
    state: State | None = None,
) -> CellTrace:
    """Return what `cell` does over `inputs`, in evaluation; a `state` (batch of one) of None is zero."""
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
    """Collect what each recurrent layer of `encoder` reads, (direction time batch feature), as it is run."""
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
    """Return the norms of d h_t / d x_s, from the Jacobians of single steps multiplied along the way."""
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
    by_input, by_state = torch.func.vmap(torch.func.jacrev(step, argnums=(0, 1)), chunk_size=8)(inputs, flat)
    for source in range(n_sources):
        total = by_input[source].detach()
        norms[source, source] = total[:width].double().norm()
        for t in range(source + 1, n_steps):
            total = by_state[t].detach() @ total
            norms[source, t] = total[:width].double().norm()  # squares of what is below 1e-19 are 0 in float32
    return norms
