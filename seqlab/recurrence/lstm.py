"""The LSTM over whole sequences, with a backward pass of its own.

    i_t = s(x_t + W h_{t-1} + p_i c_{t-1})        f_t = s(x_t + W h_{t-1} + p_f c_{t-1})
    g_t = a(x_t + W h_{t-1})                      c_t = f_t c_{t-1} + i_t g_t
    o_t = s(x_t + W h_{t-1} + p_o c_t)            h_t = P (o_t b(c_t))

where x_t are the projected inputs, biases added (Hochreiter and Schmidhuber 1997; Gers et al. 2000 for f; Gers and Schmidhuber
2000 for the peepholes p; Sak et al. 2014 for the projection P). Normalised (Ba et al. 2016), W h is scaled to mean 0 and
deviation 1 and multiplied by a gain, and so is c before b. Gates may be shared by the cells of a block (Graves 2012, §4.5).

A step is too small to hide what a call costs. So the forward pass writes into buffers made once, and what the backward pass can
know beforehand (each gate's slope times what the gate multiplies) is computed for many steps in one call: what is left in its
loop is a handful of products. Both directions of a layer run side by side, on a leading axis.
"""

from dataclasses import dataclass, fields
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqlab.recurrence.activations import Activation
from seqlab.recurrence.buffers import (
    add_product_,
    block_length,
    buffer_from,
    normalised,
    normalised_backward,
    product_plus,
    steps_of,
    summed_products,
)
from seqlab.recurrence.noise import Noise


@final
@dataclass(frozen=True)
class LstmForm:
    """What kind of LSTM it is. Gate units stand in the order i, f, g, o, f where it has weights of its own."""

    n_blocks: int
    cells_per_block: int
    has_forget_gate: bool
    is_coupled: bool
    """f is 1 - i (Greff et al. 2017)."""
    gate: Activation
    candidate: Activation
    output: Activation
    epsilon: float
    """Added to a variance where something is normalised."""

    @property
    def has_forget_weights(self) -> bool:
        """Whether f is computed, not 1 and not 1 - i."""
        return self.has_forget_gate and not self.is_coupled

    @property
    def n_input_gates(self) -> int:
        """Gates before the candidate: i, or i and f."""
        return 2 if self.has_forget_weights else 1

    @property
    def width(self) -> int:
        """Number of cells."""
        return self.n_blocks * self.cells_per_block

    @property
    def gate_width(self) -> int:
        """Units of all gates and the candidate."""
        return sum(self.sizes)

    @property
    def sizes(self) -> list[int]:
        """Units of each gate and the candidate, in their order."""
        return [self.n_blocks] * self.n_input_gates + [self.width, self.n_blocks]

    def parts(self, gates: Float[Tensor, "*lead gate"]) -> tuple[Tensor, Tensor, Tensor]:
        """Return views of the input gates (… gate block 1), the candidate (… block cell) and the output gate (… block 1)."""
        n = self.n_input_gates * self.n_blocks
        inputs = torch.unflatten(gates[..., :n], -1, (self.n_input_gates, self.n_blocks, 1))
        candidate = self.cells(gates[..., n : n + self.width])
        return inputs, candidate, torch.unflatten(gates[..., n + self.width :], -1, (self.n_blocks, 1))

    def cells(self, values: Float[Tensor, "*lead cell"]) -> Tensor:
        """Return `values` with a block's cells on an axis of their own."""
        return torch.unflatten(values, -1, (self.n_blocks, self.cells_per_block))


@final
@dataclass(frozen=True)
class LstmWeights:
    """The tensors of the recurrence, for each direction; None = without."""

    recurrent: Float[Tensor, "direction gate hidden"]
    peepholes: Float[Tensor, "direction peephole cell"] | None = None
    """Rows i, (f,) o."""
    projection: Float[Tensor, "direction hidden cell"] | None = None
    gain: Float[Tensor, "direction gate"] | None = None
    """Of the normalised W h."""
    cell_gain: Float[Tensor, "direction cell"] | None = None
    cell_bias: Float[Tensor, "direction cell"] | None = None


def scan_lstm(
    inputs: Float[Tensor, "direction time batch gate"],
    hidden: Float[Tensor, "direction batch hidden"],
    cell: Float[Tensor, "direction batch cell"],
    weights: LstmWeights,
    *,
    form: LstmForm,
    noise: Noise,
) -> tuple[Float[Tensor, "direction time batch hidden"], Float[Tensor, "direction time batch cell"]]:
    """Return h and c of every step, from the initial `hidden` and `cell`; `inputs` are overwritten (by the gates)."""
    found: tuple[Tensor, Tensor] = _LstmScan.apply(  # type: ignore[no-untyped-call]
        form, noise, inputs, hidden, cell, *(getattr(weights, field.name) for field in fields(weights))
    )
    return found


class _LstmScan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, form: LstmForm, noise: Noise, inputs: Tensor, hidden: Tensor, cell: Tensor, *tensors: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        weights = LstmWeights(*tensors)  # type: ignore[arg-type]
        tape = _forward(inputs, hidden, cell, weights, form=form, noise=noise)
        ctx.form, ctx.noise = form, noise
        ctx.n_weights = len(tensors)
        ctx.save_for_backward(*tensors, *(getattr(tape, field.name) for field in fields(tape)))
        return tape.hidden[:, 1:], tape.cell[:, 1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        weights, tape = LstmWeights(*saved[: ctx.n_weights]), _Tape(*saved[ctx.n_weights :])
        return None, None, *_backward(tape, weights, *gradients, form=ctx.form, noise=ctx.noise)


@final
@dataclass(frozen=True)
class _Tape:
    """What the forward pass leaves for the backward pass; states have one more step, the initial one."""

    gates: Tensor
    hidden: Tensor
    read: Tensor
    """h as W reads it."""
    cell: Tensor
    fresh: Tensor
    """c before zoneout."""
    squashed: Tensor
    """b(c)"""
    products: Tensor | None
    """W h before it is normalised."""


def _forward(inputs: Tensor, hidden: Tensor, cell: Tensor, w: LstmWeights, *, form: LstmForm, noise: Noise) -> _Tape:
    lead, n_steps = inputs.shape[:3], inputs.shape[1]
    hiddens, cells = buffer_from(hidden, n_steps), buffer_from(cell, n_steps)
    tape = _Tape(
        gates=inputs,
        hidden=hiddens,
        read=hiddens if noise.recurrent is None else buffer_from(hidden * noise.recurrent, n_steps),
        cell=cells,
        fresh=cells[:, 1:] if noise.cell_zone is None else inputs.new_empty(*lead, form.width),
        squashed=inputs.new_empty(*lead, form.width),
        products=None if w.gain is None else torch.empty_like(inputs),
    )
    _fill(tape, w, form=form, noise=noise)
    return tape


def _fill(tape: _Tape, w: LstmWeights, *, form: LstmForm, noise: Noise) -> None:
    """Run through the steps. Every operation writes into a view of a buffer."""
    n_steps = tape.gates.shape[1]
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
        if tape.products is None:
            add_product_(gates[t], read[t], recurrent)
        else:
            product = torch.bmm(read[t], recurrent)
            tape.products[:, t] = product
            gates[t].addcmul_(normalised(product, epsilon=form.epsilon), _over_batch(w.gain))
        if peep_in is not None:
            _look(in_gate, old.unsqueeze(2), peep_in, form=form)
        form.gate.write(in_gate, in_gate)
        form.candidate.write(candidate, candidate)
        if form.is_coupled:
            torch.lerp(old, candidate, in_gate[:, :, 0], out=new)
        elif form.has_forget_gate:
            torch.mul(old, in_gate[:, :, 1], out=new)
            new.addcmul_(in_gate[:, :, 0], candidate)
        else:
            torch.addcmul(old, in_gate[:, :, 0], candidate, out=new)
        if peep_out is not None:
            _look(out_gate, new, peep_out, form=form)
        form.gate.write(out_gate, out_gate)
        form.output.write(_scaled(fresh_rows[t], w, form=form), squashed_rows[t])
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


def _over_batch(weights: Tensor | None) -> Tensor:
    """Return weights of a direction so that they apply to each record of its batch."""
    assert weights is not None
    return weights.unsqueeze(1)


def _scaled(cell: Tensor, w: LstmWeights, *, form: LstmForm) -> Tensor:
    """Return what b is applied to: c, normalised where the weights say so."""
    if w.cell_gain is None:
        return cell
    normal = normalised(cell, epsilon=form.epsilon)
    return torch.addcmul(_over_batch(w.cell_bias), normal, _over_batch(w.cell_gain))


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


def _backward(
    tape: _Tape, w: LstmWeights, d_hidden: Tensor | None, d_cell: Tensor | None, *, form: LstmForm, noise: Noise
) -> tuple[Tensor | None, ...]:
    """Return the gradients of inputs, initial states and weights; `d_…` are those of the outputs, None = zero."""
    n_steps = tape.gates.shape[1]
    d_gates = torch.empty_like(tape.gates)
    d_products = d_gates if w.gain is None else torch.empty_like(d_gates)
    d_scaled = None if w.cell_gain is None else torch.empty_like(tape.squashed)
    d_emitted = None if w.projection is None else torch.empty_like(tape.hidden[:, 1:])
    peep_in, peep_out = _peepholes(w.peepholes, form=form)
    d_in_gates, d_candidates, d_out_gates = (steps_of(part) for part in form.parts(d_gates))
    in_gates = steps_of(form.parts(tape.gates)[0])
    d_gate_rows, d_product_rows = steps_of(d_gates), steps_of(d_products)
    hidden_zones = noise.hidden_zones(tape.hidden)
    cell_zones = noise.cell_zones(tape.hidden)
    d_outputs = [None] * n_steps if d_hidden is None else steps_of(d_hidden)
    d_h = torch.zeros_like(tape.hidden[:, 0]) if d_hidden is None else d_hidden[:, -1]
    d_c = torch.zeros_like(tape.cell[:, 0])
    d_cells = form.cells(d_c)
    slopes = _Slopes(tape, form=form)
    for t in reversed(range(n_steps)):
        in_slope, candidate_slope, out_slope, squash_slope = slopes.at(t)
        d_in, d_out = d_in_gates[t], d_out_gates[t]
        d_h_kept = d_c_kept = None
        if d_cell is not None:
            d_c += d_cell[:, t]
        if hidden_zones is not None:
            d_h_kept = d_h * hidden_zones[t]
            d_h = d_h - d_h_kept
        if cell_zones is not None:
            d_c_kept = d_c * cell_zones[t]
            d_c -= d_c_kept
        if d_emitted is not None:
            d_emitted[:, t] = d_h
            assert w.projection is not None
            d_h = torch.bmm(d_h, w.projection)
        _gather(form.cells(d_h), out_slope, out=d_out)
        if d_scaled is None:
            d_c.addcmul_(d_h, squash_slope)
        else:
            d_scaled[:, t] = d_h * squash_slope
            d_c += normalised_backward(d_scaled[:, t] * _over_batch(w.cell_gain), tape.fresh[:, t], epsilon=form.epsilon)
        if peep_out is not None:
            d_cells.addcmul_(d_out, peep_out)
        torch.mul(d_cells, candidate_slope, out=d_candidates[t])
        _gather(d_cells.unsqueeze(2), in_slope, out=d_in)
        if form.is_coupled:
            d_cells.addcmul_(d_cells, in_gates[t][:, :, 0], value=-1)
        elif form.has_forget_gate:
            d_cells.mul_(in_gates[t][:, :, 1])
        if peep_in is not None:
            for gate in range(form.n_input_gates):
                d_cells.addcmul_(d_in[:, :, gate], peep_in[:, :, gate])
        if d_c_kept is not None:
            d_c += d_c_kept
        if tape.products is not None:
            d_normal = d_gate_rows[t] * _over_batch(w.gain)
            d_product_rows[t].copy_(normalised_backward(d_normal, tape.products[:, t], epsilon=form.epsilon))
        d_output = d_outputs[t - 1] if t else None
        if noise.recurrent is None and d_h_kept is None:
            d_h = product_plus(d_output, d_product_rows[t], w.recurrent)
        else:
            d_h = noise.read_backward(torch.bmm(d_product_rows[t], w.recurrent), d_h_kept, d_output)
    d_weights = _weight_gradients(tape, w, d_gates, d_products, d_emitted, d_scaled, form=form)
    return d_gates, d_h, d_c, *(getattr(d_weights, field.name) for field in fields(d_weights))


def _gather(d_cells: Tensor, slope: Tensor, *, out: Tensor) -> None:
    """Write the gradient of gates: what their cells get, times the slope, summed over the cells that share a gate."""
    if out.shape[-1] == slope.shape[-1]:
        torch.mul(d_cells, slope, out=out)
    else:
        torch.sum(d_cells * slope, -1, keepdim=True, out=out)


class _Slopes:
    """What each step's gradients are multiplied with, computed for a block of steps at a time, from the last to the first."""

    def __init__(self, tape: _Tape, *, form: LstmForm) -> None:
        self._tape, self._form = tape, form
        self._length = block_length(tape.gates)
        self._start = tape.gates.shape[1]
        self._steps: list[tuple[Tensor, ...]] = []

    def at(self, t: int) -> tuple[Tensor, ...]:
        """Return those of input gates, candidate, output gate (by block and cell) and b, for step `t`."""
        if t < self._start:
            begin, end = max(0, self._start - self._length), self._start
            parts = _slopes(self._tape, slice(begin, end), form=self._form)
            self._steps = list(zip(*map(steps_of, parts), strict=True))
            self._start = begin
        return self._steps[t - self._start]


def _slopes(tape: _Tape, steps: slice, *, form: LstmForm) -> tuple[Tensor, ...]:
    in_gates, candidate, out_gate = form.parts(tape.gates[:, steps])
    squashed, old = form.cells(tape.squashed[:, steps]), form.cells(tape.cell[:, steps])
    in_slope = form.gate.slope(in_gates)
    if form.is_coupled:
        factors = (candidate - old).unsqueeze(3)
    elif form.has_forget_gate:
        factors = torch.stack([candidate, old], 3)
    else:
        factors = candidate.unsqueeze(3)
    return (
        in_slope.mul_(factors) if form.cells_per_block == 1 else in_slope * factors,
        form.candidate.slope(candidate).mul_(in_gates[:, :, :, 0]),
        form.gate.slope(out_gate) * squashed,
        (form.output.slope(squashed).mul_(out_gate)).flatten(3),
    )


def _weight_gradients(
    tape: _Tape,
    w: LstmWeights,
    d_gates: Tensor,
    d_products: Tensor,
    d_emitted: Tensor | None,
    d_scaled: Tensor | None,
    *,
    form: LstmForm,
) -> LstmWeights:
    """Return the gradient of each of the weights."""
    d_gain = d_cell_gain = d_cell_bias = d_projection = None
    if tape.products is not None:
        d_gain = (d_gates * normalised(tape.products, epsilon=form.epsilon)).sum((1, 2))
    if d_scaled is not None:
        d_cell_gain = (d_scaled * normalised(tape.fresh, epsilon=form.epsilon)).sum((1, 2))
        d_cell_bias = d_scaled.sum((1, 2))
    if d_emitted is not None:
        emitted = form.parts(tape.gates)[2] * form.cells(tape.squashed)
        d_projection = summed_products(d_emitted, emitted.flatten(3))
    return LstmWeights(
        recurrent=summed_products(d_products, tape.read[:, :-1]),
        peepholes=None if w.peepholes is None else _peephole_gradients(tape, d_gates, form=form),
        projection=d_projection,
        gain=d_gain,
        cell_gain=d_cell_gain,
        cell_bias=d_cell_bias,
    )


def _peephole_gradients(tape: _Tape, d_gates: Tensor, *, form: LstmForm) -> Tensor:
    d_in, _, d_out = form.parts(d_gates)
    old, fresh = form.cells(tape.cell[:, :-1]), form.cells(tape.fresh)
    rows = [(d_in[:, :, :, gate] * old).sum((1, 2)) for gate in range(form.n_input_gates)]
    return torch.stack([*rows, (d_out * fresh).sum((1, 2))], 1).flatten(2)
