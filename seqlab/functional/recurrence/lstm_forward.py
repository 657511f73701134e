"""The LSTM as a loop of tensor operations, for any device and precision. Equations: lstm.py; backward: lstm_backward.py.

A step is so small that the overhead of calls dominates, so the loop writes into buffers made once.
"""

import torch
from torch import Tensor

from seqlab.functional.recurrence.buffers import add_product_, normalised, over_batch, over_steps, steps_of
from seqlab.functional.recurrence.lstm_variant import LstmForm, LstmTape, LstmWeights
from seqlab.functional.recurrence.noise import Noise


def fill_tape(tape: LstmTape, w: LstmWeights, *, form: LstmForm, noise: Noise) -> None:
    """Run through the steps. Every operation writes into a view of a buffer."""
    n_steps = tape.gates.shape[1]
    # Before the loop, because inputs do not depend on the states: one call for all steps.
    _normalise_inputs(tape, w, form=form)
    recurrent = w.recurrent.transpose(1, 2).contiguous()
    projection = None if w.projection is None else w.projection.transpose(1, 2).contiguous()
    peep_in, peep_out = form.peepholes(w.peepholes)
    gates, hidden, read, fresh_rows = (steps_of(x) for x in (tape.gates, tape.hidden, tape.read, tape.fresh))
    in_gates, candidates, out_gates = (steps_of(part) for part in form.parts(tape.gates))
    cells, fresh, squashed = (steps_of(form.cells(x)) for x in (tape.cell, tape.fresh, tape.squashed))
    squashed_rows = steps_of(tape.squashed)
    emitted = steps_of(form.cells(tape.hidden)) if projection is None else None
    hidden_zones, cell_zones = noise.hidden_zones(tape.hidden), noise.cell_zones(tape.hidden)
    for t in range(n_steps):
        in_gate, candidate, out_gate, old, new = in_gates[t], candidates[t], out_gates[t], cells[t], fresh[t]
        _add_recurrent(t, tape, w, gates[t], factors=(read[t], recurrent), form=form)
        if peep_in is not None:
            # The input gates see the old cells, the output gate the new ones: hence one before and one after the cell is
            # written.
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
        if (zone := hidden_zones[t]) is not None:
            torch.lerp(hidden[t + 1], hidden[t], zone, out=hidden[t + 1])
        if (zone := cell_zones[t]) is not None:
            torch.lerp(fresh_rows[t], tape.cell[:, t], zone, out=tape.cell[:, t + 1])
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
        gates.addcmul_(tape.normal[:, t], over_batch(w.gain))


def _squash(t: int, tape: LstmTape, w: LstmWeights, fresh: Tensor, *, out: Tensor, form: LstmForm) -> None:
    """Write b of the new cells, normalised where they are to be."""
    if tape.normal_cell is None or tape.cell_scale is None:
        form.output.write(fresh, out)
        return
    normal, tape.cell_scale[:, t] = normalised(fresh, epsilon=form.epsilon)
    tape.normal_cell[:, t] = normal
    torch.addcmul(over_batch(w.cell_bias), normal, over_batch(w.cell_gain), out=out)
    form.output.write(out, out)


def _normalise_inputs(tape: LstmTape, w: LstmWeights, *, form: LstmForm) -> None:
    """Write the normalised inputs, their gain and bias applied, in place of the inputs, where they are to be normalised."""
    if tape.normal_input is None or tape.input_scale is None:
        return
    normal, scale = normalised(tape.gates, epsilon=form.epsilon)
    tape.normal_input.copy_(normal)
    tape.input_scale.copy_(scale)
    torch.addcmul(over_steps(w.bias), normal, over_steps(w.input_gain), out=tape.gates)


def _write_cell(old: Tensor, in_gate: Tensor, candidate: Tensor, *, out: Tensor, form: LstmForm) -> None:
    """Write c_t: what the gates keep of the old cells, and let in of the candidate."""
    if form.is_coupled:
        # With f = 1 - i the new cell lies between the old one and the candidate: one call, and no tensor for f.
        torch.lerp(old, candidate, in_gate[:, :, 0], out=out)
    elif form.has_forget_gate:
        torch.mul(old, in_gate[:, :, 1], out=out)
        out.addcmul_(in_gate[:, :, 0], candidate)
    else:
        torch.addcmul(old, in_gate[:, :, 0], candidate, out=out)


def _look(gate: Tensor, cell: Tensor, peepholes: Tensor, *, form: LstmForm) -> None:
    """Let a gate see the cells of its block."""
    if form.cells_per_block == 1:
        gate.addcmul_(cell, peepholes)
    else:
        gate.add_((cell * peepholes).sum(-1, keepdim=True))
