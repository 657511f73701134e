"""The GRU over whole sequences, with a backward pass of its own.

    r_t = s(x_t + W h_{t-1})        z_t = s(x_t + W h_{t-1})        h_t = (1 - z_t) n_t + z_t h_{t-1}

    reset after the product (torch, cuDNN):     n_t = a(x_t + r_t (W h_{t-1} + b))
    reset before it (Cho et al. 2014, eq. 8):   n_t = a(x_t + W (r_t h_{t-1}))

where x_t are the projected inputs, biases added. In Cho's paper z is 1 - z.
"""

from dataclasses import dataclass
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqlab.recurrence.activations import Activation
from seqlab.recurrence.buffers import add_product_, block_length, buffer_from, product_plus, steps_of, summed_products
from seqlab.recurrence.noise import Noise


@final
@dataclass(frozen=True)
class GruForm:
    """What kind of GRU it is. Units stand in the order r, z, n."""

    resets_after: bool
    """Whether r multiplies the product W h + b, or h before it."""
    gate: Activation
    candidate: Activation


def scan_gru(
    inputs: Float[Tensor, "direction time batch gate"],
    hidden: Float[Tensor, "direction batch hidden"],
    recurrent: Float[Tensor, "direction gate hidden"],
    candidate_bias: Float[Tensor, "direction hidden"] | None,
    *,
    form: GruForm,
    noise: Noise,
) -> Float[Tensor, "direction time batch hidden"]:
    """Return h of every step, from the initial `hidden`; `inputs` are overwritten.

    `candidate_bias` is the b that r multiplies; None where r does not.
    """
    found: Tensor = _GruScan.apply(form, noise, inputs, hidden, recurrent, candidate_bias)  # type: ignore[no-untyped-call]
    return found


class _GruScan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        form: GruForm,
        noise: Noise,
        inputs: Tensor,
        hidden: Tensor,
        recurrent: Tensor,
        candidate_bias: Tensor | None,
    ) -> Tensor:
        tape = _forward(inputs, hidden, recurrent, candidate_bias, form=form, noise=noise)
        ctx.form, ctx.noise, ctx.has_bias = form, noise, candidate_bias is not None
        ctx.save_for_backward(*tape, recurrent)
        return tape[1][:, 1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        *tape, recurrent = ctx.saved_tensors
        found = _backward(tuple(tape), recurrent, gradient, form=ctx.form, noise=ctx.noise)
        return None, None, *found[:3], found[3] if ctx.has_bias else None


def _forward(
    inputs: Tensor,
    hidden: Tensor,
    recurrent: Tensor,
    candidate_bias: Tensor | None,
    *,
    form: GruForm,
    noise: Noise,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return gates, states (the initial one first), what W reads of them, and what r multiplies or has multiplied."""
    n_steps, width = inputs.shape[1], hidden.shape[2]
    states = buffer_from(hidden, n_steps)
    read = states if noise.recurrent is None else buffer_from(hidden * noise.recurrent, n_steps)
    inner = inputs.new_empty(*inputs.shape[:3], width)
    transposed = recurrent.transpose(1, 2)
    for_gates = transposed[..., : 2 * width].contiguous()
    for_candidate = transposed[..., 2 * width :].contiguous()
    everything = transposed.contiguous()
    bias = None if candidate_bias is None else candidate_bias.unsqueeze(1)
    state_steps, read_steps, inner_steps = steps_of(states), steps_of(read), steps_of(inner)
    gate_steps, reset_steps, update_steps, candidate_steps = (
        steps_of(inputs[..., part])
        for part in (slice(2 * width), slice(width), slice(width, 2 * width), slice(2 * width, None))
    )
    zones = noise.hidden_zones(states)
    for t in range(n_steps):
        gates, reset, candidate, held = gate_steps[t], reset_steps[t], candidate_steps[t], inner_steps[t]
        if form.resets_after:
            product = torch.bmm(read_steps[t], everything)
            gates += product[..., : 2 * width]
            form.gate.write(gates, gates)
            if bias is None:
                held.copy_(product[..., 2 * width :])
            else:
                torch.add(product[..., 2 * width :], bias, out=held)
            candidate.addcmul_(reset, held)
        else:
            add_product_(gates, read_steps[t], for_gates)
            form.gate.write(gates, gates)
            torch.mul(reset, read_steps[t], out=held)
            add_product_(candidate, held, for_candidate)
        form.candidate.write(candidate, candidate)
        new = state_steps[t + 1]
        torch.lerp(candidate, state_steps[t], update_steps[t], out=new)
        if zones is not None:
            torch.lerp(new, state_steps[t], zones[t], out=new)
        if noise.recurrent is not None:
            torch.mul(new, noise.recurrent, out=read_steps[t + 1])
    return inputs, states, read, inner


def _backward(
    tape: tuple[Tensor, Tensor, Tensor, Tensor], recurrent: Tensor, gradient: Tensor, *, form: GruForm, noise: Noise
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients of inputs, initial state, W and b."""
    if form.resets_after:
        return _backward_after(tape, recurrent, gradient, form=form, noise=noise)
    return _backward_before(tape, recurrent, gradient, form=form, noise=noise)


def _backward_after(
    tape: tuple[Tensor, Tensor, Tensor, Tensor], recurrent: Tensor, gradient: Tensor, *, form: GruForm, noise: Noise
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    gates, states, read, _ = tape
    width = states.shape[-1]
    # Of r, z, the candidate's product and the candidate's input: the first three are those of W's products.
    d_all = gates.new_empty(*gates.shape[:3], 4 * width)
    d_products = d_all[..., : 3 * width]
    d_all_steps, d_product_steps = steps_of(torch.unflatten(d_all, -1, (4, width))), steps_of(d_products)
    update_steps, outer, zones = steps_of(gates[..., width : 2 * width]), steps_of(gradient), noise.hidden_zones(states)
    slopes = _Slopes(tape, form=form)
    d_hidden = gradient[:, -1]
    for t in reversed(range(gates.shape[1])):
        kept = None if zones is None else d_hidden * zones[t]
        d_fresh = d_hidden if kept is None else d_hidden - kept
        before = outer[t - 1] if t else None
        torch.mul(d_fresh.unsqueeze(2), slopes.at(t), out=d_all_steps[t])
        if noise.recurrent is None and kept is None:
            base = d_fresh * update_steps[t] if before is None else torch.addcmul(before, d_fresh, update_steps[t])
            d_hidden = product_plus(base, d_product_steps[t], recurrent)
        else:
            d_read = torch.bmm(d_product_steps[t], recurrent)
            d_hidden = noise.read_backward(d_read, d_fresh * update_steps[t], kept, before)
    d_inputs = torch.cat([d_all[..., : 2 * width], d_all[..., 3 * width :]], -1)
    return d_inputs, d_hidden, summed_products(d_products, read[:, :-1]), d_products[..., 2 * width :].sum((1, 2))


def _backward_before(
    tape: tuple[Tensor, Tensor, Tensor, Tensor], recurrent: Tensor, gradient: Tensor, *, form: GruForm, noise: Noise
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    gates, states, read, reset_read = tape
    width = states.shape[-1]
    d_gates = torch.empty_like(gates)
    d_gate_steps, outer, zones = steps_of(d_gates), steps_of(gradient), noise.hidden_zones(states)
    for_gates, for_candidate = recurrent[:, : 2 * width], recurrent[:, 2 * width :]
    slopes = _Slopes(tape, form=form)
    d_hidden = gradient[:, -1]
    for t in reversed(range(gates.shape[1])):
        reset, update = gates[:, t, :, :width], gates[:, t, :, width : 2 * width]
        kept = None if zones is None else d_hidden * zones[t]
        d_fresh = d_hidden if kept is None else d_hidden - kept
        slope, d_gate = slopes.at(t), d_gate_steps[t]
        torch.mul(d_fresh.unsqueeze(2), slope[:, :, 1:], out=torch.unflatten(d_gate[..., width:], -1, (2, width)))
        d_reset_read = torch.bmm(d_gate[..., 2 * width :], for_candidate)
        torch.mul(d_reset_read, slope[:, :, 0], out=d_gate[..., :width])
        d_read = product_plus(d_reset_read * reset, d_gate[..., : 2 * width], for_gates)
        d_hidden = noise.read_backward(d_read, d_fresh * update, kept, outer[t - 1] if t else None)
    d_recurrent = torch.cat(
        [
            summed_products(d_gates[..., : 2 * width], read[:, :-1]),
            summed_products(d_gates[..., 2 * width :], reset_read),
        ],
        dim=1,
    )
    return d_gates, d_hidden, d_recurrent, d_gates.new_zeros(len(d_gates), width)


class _Slopes:
    """What each step's gradients are multiplied with, computed for a block of steps at a time, from the last to the first.

    Reset after the product: of r, z, the candidate's product, the candidate's input. Before: of r (by the candidate's product),
    z and the candidate's input.
    """

    def __init__(self, tape: tuple[Tensor, Tensor, Tensor, Tensor], *, form: GruForm) -> None:
        self._tape, self._form = tape, form
        self._length = block_length(tape[0])
        self._start = tape[0].shape[1]
        self._steps: list[Tensor] = []

    def at(self, t: int) -> Tensor:
        """Return those of step `t`: (direction batch part hidden)."""
        if t < self._start:
            begin, end = max(0, self._start - self._length), self._start
            self._steps, self._start = steps_of(self._of(slice(begin, end))), begin
        return self._steps[t - self._start]

    def _of(self, steps: slice) -> Tensor:
        gates, states, read, inner = self._tape
        width = states.shape[-1]
        reset, update, candidate = torch.unflatten(gates[:, steps], -1, (3, width)).unbind(3)
        gate_slopes = torch.unflatten(self._form.gate.slope(gates[:, steps, :, : 2 * width]), -1, (2, width))
        by_candidate = self._form.candidate.slope(candidate) * (1 - update)
        by_update = (states[:, steps] - candidate) * gate_slopes[:, :, :, 1]
        if not self._form.resets_after:
            return torch.stack([read[:, steps] * gate_slopes[:, :, :, 0], by_update, by_candidate], 3)
        by_reset = by_candidate * inner[:, steps] * gate_slopes[:, :, :, 0]
        return torch.stack([by_reset, by_update, by_candidate * reset, by_candidate], 3)
