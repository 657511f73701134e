"""The LSTM as a loop of tensor operations, forwards and backwards, for any device and precision. Equations: lstm.py.

A step is too small to hide what a call costs. So the forward pass writes into buffers made once, and what the backward pass can
know beforehand (each gate's slope times what the gate multiplies) is computed for many steps in one call: what is left in its
loop is a handful of products.
"""

from functools import partial

import torch
from torch import Tensor

from seqlab.recurrence.buffers import (
    BackwardBlocks,
    add_product_,
    normalised,
    normalised_backward,
    product_plus,
    steps_of,
)
from seqlab.recurrence.lstm_form import LstmForm, LstmGradients, LstmTape, LstmWeights
from seqlab.recurrence.noise import Noise


def fill_tape(tape: LstmTape, w: LstmWeights, *, form: LstmForm, noise: Noise) -> None:
    """Run through the steps. Every operation writes into a view of a buffer."""
    n_steps = tape.gates.shape[1]
    _normalise_inputs(tape, w, form=form)
    recurrent = w.recurrent.transpose(1, 2).contiguous()
    projection = None if w.projection is None else w.projection.transpose(1, 2).contiguous()
    peep_in, peep_out = _peepholes(w.peepholes, form=form)
    gates, hidden, read, fresh_rows = (steps_of(x) for x in (tape.gates, tape.hidden, tape.read, tape.fresh))
    in_gates, candidates, out_gates = (steps_of(part) for part in form.parts(tape.gates))
    cells, fresh, squashed = (steps_of(form.cells(x)) for x in (tape.cell, tape.fresh, tape.squashed))
    squashed_rows = steps_of(tape.squashed)
    emitted = steps_of(form.cells(tape.hidden)) if projection is None else None
    hidden_zones = noise.hidden_zones(tape.hidden)
    cell_zones = noise.cell_zones(tape.hidden)
    for t in range(n_steps):
        in_gate, candidate, out_gate, old, new = in_gates[t], candidates[t], out_gates[t], cells[t], fresh[t]
        _add_recurrent(t, tape, w, gates[t], factors=(read[t], recurrent), form=form)
        if peep_in is not None:
            _look(in_gate, old.unsqueeze(2), peep_in, form=form)
        form.gate.write(in_gate, in_gate)
        form.candidate.write(candidate, candidate)
        _write_cell(old, in_gate, candidate, out=new, form=form)
        if peep_out is not None:
            _look(out_gate, new, peep_out, form=form)
        form.gate.write(out_gate, out_gate)
        _squash(t, tape, w, fresh_rows[t], out=squashed_rows[t], form=form)
        if emitted is not None:
            torch.mul(out_gate, squashed[t], out=emitted[t + 1])
        else:
            assert projection is not None
            torch.bmm((out_gate * squashed[t]).flatten(2), projection, out=hidden[t + 1])
        if hidden_zones is not None:
            torch.lerp(hidden[t + 1], hidden[t], hidden_zones[t], out=hidden[t + 1])
        if cell_zones is not None:
            torch.lerp(fresh_rows[t], tape.cell[:, t], cell_zones[t], out=tape.cell[:, t + 1])
        if noise.recurrent is not None:
            torch.mul(hidden[t + 1], noise.recurrent, out=read[t + 1])


def _add_recurrent(
    t: int, tape: LstmTape, w: LstmWeights, gates: Tensor, *, factors: tuple[Tensor, Tensor], form: LstmForm
) -> None:
    """Add what the gates read of the states before, normalised where it is to be."""
    if tape.normal is None or tape.scale is None:
        add_product_(gates, *factors)
    else:
        tape.normal[:, t], tape.scale[:, t] = normalised(torch.bmm(*factors), epsilon=form.epsilon)
        gates.addcmul_(tape.normal[:, t], _over_batch(w.gain))


def _squash(t: int, tape: LstmTape, w: LstmWeights, fresh: Tensor, *, out: Tensor, form: LstmForm) -> None:
    """Write b of the new cells, normalised where they are to be."""
    if tape.normal_cell is None or tape.cell_scale is None:
        form.output.write(fresh, out)
        return
    normal, tape.cell_scale[:, t] = normalised(fresh, epsilon=form.epsilon)
    tape.normal_cell[:, t] = normal
    torch.addcmul(_over_batch(w.cell_bias), normal, _over_batch(w.cell_gain), out=out)
    form.output.write(out, out)


def _normalise_inputs(tape: LstmTape, w: LstmWeights, *, form: LstmForm) -> None:
    """Write the normalised inputs, their gain and bias applied, in place of the inputs, where they are to be normalised."""
    if tape.normal_input is None or tape.input_scale is None:
        return
    normal, scale = normalised(tape.gates, epsilon=form.epsilon)
    tape.normal_input.copy_(normal)
    tape.input_scale.copy_(scale)
    torch.addcmul(_over_steps(w.bias), normal, _over_steps(w.input_gain), out=tape.gates)


def _write_cell(old: Tensor, in_gate: Tensor, candidate: Tensor, *, out: Tensor, form: LstmForm) -> None:
    """Write c_t: what the gates keep of the old cells, and let in of the candidate."""
    if form.is_coupled:
        torch.lerp(old, candidate, in_gate[:, :, 0], out=out)
    elif form.has_forget_gate:
        torch.mul(old, in_gate[:, :, 1], out=out)
        out.addcmul_(in_gate[:, :, 0], candidate)
    else:
        torch.addcmul(old, in_gate[:, :, 0], candidate, out=out)


def _over_batch(weights: Tensor | None) -> Tensor:
    """Return weights of a direction so that they apply to each record of its batch."""
    assert weights is not None
    return weights.unsqueeze(1)


def _over_steps(weights: Tensor | None) -> Tensor:
    """Return weights of a direction so that they apply to each step of each record."""
    assert weights is not None
    return weights[:, None, None]


def _peepholes(weights: Tensor | None, *, form: LstmForm) -> tuple[Tensor | None, Tensor | None]:
    """Return the peepholes of the input gates, (direction 1 gate block cell), and those of the output gate."""
    if weights is None:
        return None, None
    by_cell = form.cells(weights).unsqueeze(1)
    return by_cell[:, :, :-1], by_cell[:, :, -1]


def _look(gate: Tensor, cell: Tensor, peepholes: Tensor, *, form: LstmForm) -> None:
    """Let a gate see the cells of its block."""
    if form.cells_per_block == 1:
        gate.addcmul_(cell, peepholes)
    else:
        gate.add_((cell * peepholes).sum(-1, keepdim=True))


def unroll_tape(
    tape: LstmTape,
    w: LstmWeights,
    made: LstmGradients,
    d_hidden: Tensor | None,
    d_cell: Tensor | None,
    *,
    form: LstmForm,
    noise: Noise,
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Run back through the steps; return the gradients of the initial states, and those of gains and biases by name."""
    n_steps = tape.gates.shape[1]
    d_emitted = made.emitted
    d_scaled = None if tape.normal_cell is None else torch.empty_like(tape.normal_cell)
    peep_in, peep_out = _peepholes(w.peepholes, form=form)
    d_in_gates, d_candidates, d_out_gates = (steps_of(part) for part in form.parts(made.gates))
    in_gates = steps_of(form.parts(tape.gates)[0])
    d_gate_rows, d_product_rows = steps_of(made.gates), steps_of(made.products)
    hidden_zones = noise.hidden_zones(tape.hidden)
    cell_zones = noise.cell_zones(tape.hidden)
    d_outputs = [None] * n_steps if d_hidden is None else steps_of(d_hidden)
    d_h = torch.zeros_like(tape.hidden[:, 0]) if d_hidden is None else d_hidden[:, -1]
    d_c = torch.zeros_like(tape.cell[:, 0])
    d_cells = form.cells(d_c)
    slopes = BackwardBlocks(partial(_slopes, tape, form=form), like=tape.gates)
    for t in reversed(range(n_steps)):
        in_slope, candidate_slope, out_slope, squash_slope = slopes.at(t)
        d_in, d_out = d_in_gates[t], d_out_gates[t]
        d_c_kept = None
        if d_cell is not None:
            d_c += d_cell[:, t]
        d_h, d_h_kept = _apart(d_h, None if hidden_zones is None else hidden_zones[t])
        if cell_zones is not None:
            d_c_kept = d_c * cell_zones[t]
            d_c -= d_c_kept
        if d_emitted is not None:
            d_emitted[:, t] = d_h
            assert w.projection is not None
            d_h = torch.bmm(d_h, w.projection)
        _gather(form.cells(d_h), out_slope, out=d_out)
        _unsquash(t, tape, w, d_h, squash_slope, d_scaled, d_c=d_c)
        if peep_out is not None:
            d_cells.addcmul_(d_out, peep_out)
        torch.mul(d_cells, candidate_slope, out=d_candidates[t])
        _gather(d_cells.unsqueeze(2), in_slope, out=d_in)
        _forget_(d_cells, in_gates[t], form=form)
        if peep_in is not None:
            _look_back(d_cells, d_in, peep_in)
        if d_c_kept is not None:
            d_c += d_c_kept
        _products_backward(t, tape, w, d_gate_rows[t], out=d_product_rows[t])
        d_output = d_outputs[t - 1] if t else None
        if noise.recurrent is None and d_h_kept is None:
            d_h = product_plus(d_output, d_product_rows[t], w.recurrent)
        else:
            d_h = noise.read_backward(torch.bmm(d_product_rows[t], w.recurrent), d_h_kept, d_output)
    return d_h, d_c, _gain_gradients(tape, w, made, d_scaled)


def _apart(d_h: Tensor, zone: Tensor | float | None) -> tuple[Tensor, Tensor | None]:
    """Return the gradient of what was emitted, and that of the state that was kept in place of it."""
    if zone is None:
        return d_h, None
    kept = d_h * zone
    return d_h - kept, kept


def _unsquash(
    t: int, tape: LstmTape, w: LstmWeights, d_h: Tensor, slope: Tensor, d_scaled: Tensor | None, *, d_c: Tensor
) -> None:
    """Add to the gradient of the cells what comes back through b, and keep that of the normalised ones."""
    if d_scaled is None or tape.normal_cell is None or tape.cell_scale is None:
        d_c.addcmul_(d_h, slope)
    else:
        d_scaled[:, t] = d_h * slope
        d_normal = d_scaled[:, t] * _over_batch(w.cell_gain)
        d_c += normalised_backward(d_normal, tape.normal_cell[:, t], tape.cell_scale[:, t])


def _look_back(d_cells: Tensor, d_gates: Tensor, peepholes: Tensor) -> None:
    """Add to the gradient of the cells that of the gates that saw them."""
    for gate in range(d_gates.shape[2]):
        d_cells.addcmul_(d_gates[:, :, gate], peepholes[:, :, gate])


def _products_backward(t: int, tape: LstmTape, w: LstmWeights, d_gates: Tensor, *, out: Tensor) -> None:
    """Write the gradient of the products where they were normalised; elsewhere it is that of the gates."""
    if tape.normal is not None and tape.scale is not None:
        d_normal = d_gates * _over_batch(w.gain)
        out.copy_(normalised_backward(d_normal, tape.normal[:, t], tape.scale[:, t]))


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
    d_normal = made.gates * _over_steps(w.input_gain)
    made.inputs.copy_(normalised_backward(d_normal, tape.normal_input, tape.input_scale))  # these may be the gates' own
    return found


def _forget_(d_cells: Tensor, in_gate: Tensor, *, form: LstmForm) -> None:
    """Scale the gradient of c_t by what of c_{t-1} was kept in it."""
    if form.is_coupled:
        d_cells.addcmul_(d_cells, in_gate[:, :, 0], value=-1)
    elif form.has_forget_gate:
        d_cells.mul_(in_gate[:, :, 1])


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
