"""Cells run over whole sequences by their own steps, where no kernel computes them."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.encoders.cells.base import Cell, State, draw_noise


def scan_steps(
    cells: Sequence[Cell], inputs: Float[Tensor, "direction time batch feature"], state: State
) -> list[Float[Tensor, "direction time batch unit"]]:
    """Return each state of every step by the cells' own steps, one after the other."""
    noise, runs = draw_noise(cells, inputs), []
    for direction, (cell, of_direction, *first) in enumerate(zip(cells, inputs, *state, strict=True)):
        states = [tuple(first)]
        for t, of_step in enumerate(of_direction):
            states.append(cell.step(of_step, states[-1], noise=noise.at(direction, t))[0])
        # of no step: no state
        empty = [part.new_zeros(0, *part.shape) for part in states[0]]
        runs.append([torch.stack(parts) for parts in zip(*states[1:], strict=True)] or empty)
    return [torch.stack(of_kind) for of_kind in zip(*runs, strict=True)]
