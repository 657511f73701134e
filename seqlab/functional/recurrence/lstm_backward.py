"""The backward pass of lstm_forward.py.

Whatever does not depend on later steps (each gate's slope times its factor) is computed for many steps in one call, so that a
handful of products is left in the loop.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from seqlab.functional.recurrence.buffers import BackwardBlocks, normalised_backward, over_batch, over_steps, steps_of
from seqlab.functional.recurrence.lstm_variant import LstmForm, LstmGradients, LstmTape, LstmWeights
from seqlab.functional.recurrence.noise import Noise, split_kept


def unroll_tape(
    tape: LstmTape, w: LstmWeights, made: LstmGradients, *d_outputs: Tensor | None, form: LstmForm, noise: Noise
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Run back through the steps; return the gradients of the initial states, and those of gains and biases by name."""
    d_hidden, d_cell = d_outputs
    n_steps = tape.gates.shape[1]
    d_scaled = None if tape.normal_cell is None else torch.empty_like(tape.normal_cell)
    peepholes = form.peepholes(w.peepholes)
    d_gates = list(zip(*map(steps_of, form.parts(made.gates)), strict=True))
    in_gates = steps_of(form.parts(tape.gates)[0])
    d_gate_rows, d_product_rows = steps_of(made.gates), steps_of(made.products)
    hidden_zones, cell_zones = noise.hidden_zones(tape.hidden), noise.cell_zones(tape.hidden)
    d_befores = [None] * n_steps if d_hidden is None else steps_of(d_hidden)
    d_h = torch.zeros_like(tape.hidden[:, 0]) if d_hidden is None else d_hidden[:, -1]
    d_c = torch.zeros_like(tape.cell[:, 0])
    d_cells = form.cells(d_c)
    slopes = BackwardBlocks(partial(_slopes, tape, form=form), like=tape.gates)
    for t in reversed(range(n_steps)):
        in_slope, candidate_slope, out_slope, squash_slope = slopes.at(t)
        if d_cell is not None:
            # Gradients of cells come from the outputs as well as from the next step.
            d_c += d_cell[:, t]
        d_h, d_h_kept = split_kept(d_h, hidden_zones[t])
        d_c_kept = None if (zone := cell_zones[t]) is None else d_c * zone
        if d_c_kept is not None:
            d_c -= d_c_kept
        if made.emitted is not None and w.projection is not None:
            # The projection's gradient needs that of its output, before it goes through the projection.
            made.emitted[:, t] = d_h
            d_h = torch.bmm(d_h, w.projection)
        _gather(form.cells(d_h), out_slope, out=d_gates[t][2])
        _unsquash(t, tape, w, d_h, squash_slope, d_scaled, d_c=d_c)
        _unwrite_(d_cells, d_gates[t], (in_slope, candidate_slope), in_gates[t], peepholes, form=form)
        if d_c_kept is not None:
            d_c += d_c_kept
        if tape.normal is not None and tape.scale is not None:
            d_normal = d_gate_rows[t] * over_batch(w.gain)
            d_product_rows[t].copy_(normalised_backward(d_normal, tape.normal[:, t], tape.scale[:, t]))
        d_h = noise.state_backward(d_product_rows[t], w.recurrent, d_h_kept, d_befores[t - 1] if t else None)
    return d_h, d_c, _gain_gradients(tape, w, made, d_scaled)


def _unsquash(
    t: int, tape: LstmTape, w: LstmWeights, d_h: Tensor, slope: Tensor, d_scaled: Tensor | None, *, d_c: Tensor
) -> None:
    """Add to the gradient of the cells what comes back through b, and keep that of the normalised ones."""
    if d_scaled is None or tape.normal_cell is None or tape.cell_scale is None:
        d_c.addcmul_(d_h, slope)
    else:
        d_scaled[:, t] = d_h * slope
        d_normal = d_scaled[:, t] * over_batch(w.cell_gain)
        d_c += normalised_backward(d_normal, tape.normal_cell[:, t], tape.cell_scale[:, t])


def _unwrite_(
    d_cells: Tensor, d_gates: tuple[Tensor, ...], slopes: Sequence[Tensor], in_gate: Tensor, peepholes: Any, *, form: LstmForm
) -> None:
    """Take the gradient of the cells from c_t to c_{t-1}; write those of the input gates and the candidate."""
    (d_in, d_candidate, d_out), (in_slope, candidate_slope), (peep_in, peep_out) = d_gates, slopes, peepholes
    # The output gate saw the new cell, so its gradient joins before the cell's is taken apart.
    if peep_out is not None:
        d_cells.addcmul_(d_out, peep_out)
    torch.mul(d_cells, candidate_slope, out=d_candidate)
    _gather(d_cells.unsqueeze(2), in_slope, out=d_in)
    if form.is_coupled:
        d_cells.addcmul_(d_cells, in_gate[:, :, 0], value=-1)
    elif form.has_forget_gate:
        d_cells.mul_(in_gate[:, :, 1])
    if peep_in is not None:
        for gate in range(form.n_input_gates):
            # The input gates saw the old cells: this comes after the gradient has gone through the forget gate.
            d_cells.addcmul_(d_in[:, :, gate], peep_in[:, :, gate])


def _gain_gradients(tape: LstmTape, w: LstmWeights, made: LstmGradients, d_scaled: Tensor | None) -> dict[str, Tensor]:
    """Return the gradients of gains and biases, where there are any, and write those of the inputs."""
    if d_scaled is None or tape.normal is None or tape.normal_cell is None:
        return {}
    assert tape.normal_input is not None
    assert tape.input_scale is not None
    found = {
        "gain": (made.gates * tape.normal).sum((1, 2)),
        "input_gain": (made.gates * tape.normal_input).sum((1, 2)),
        "bias": made.gates.sum((1, 2)),
        "cell_gain": (d_scaled * tape.normal_cell).sum((1, 2)),
        "cell_bias": d_scaled.sum((1, 2)),
    }
    d_normal = made.gates * over_steps(w.input_gain)
    made.inputs.copy_(normalised_backward(d_normal, tape.normal_input, tape.input_scale))  # these may be the gates' own
    return found


def _gather(d_cells: Tensor, slope: Tensor, *, out: Tensor) -> None:
    """Write the gradient of gates: what their cells get, times the slope, summed over the cells that share a gate."""
    if out.shape[-1] == slope.shape[-1]:
        torch.mul(d_cells, slope, out=out)
    else:
        torch.sum(d_cells * slope, -1, keepdim=True, out=out)


def _slopes(tape: LstmTape, steps: slice, *, form: LstmForm) -> list[tuple[Tensor, ...]]:
    """Return what gradients are multiplied with, for each step: of input gates, candidate, output gate (by cell) and b."""
    in_gates, candidate, out_gate = form.parts(tape.gates[:, steps])
    squashed, old = form.cells(tape.squashed[:, steps]), form.cells(tape.cell[:, steps])
    in_slope = form.gate.slope(in_gates)
    if form.is_coupled:
        factors = (candidate - old).unsqueeze(3)
    elif form.has_forget_gate:
        factors = torch.stack([candidate, old], 3)
    else:
        factors = candidate.unsqueeze(3)
    parts = (
        in_slope.mul_(factors) if form.cells_per_block == 1 else in_slope * factors,
        form.candidate.slope(candidate).mul_(in_gates[:, :, :, 0]),
        form.gate.slope(out_gate) * squashed,
        (form.output.slope(squashed).mul_(out_gate)).flatten(3),
    )
    return list(zip(*map(steps_of, parts), strict=True))
