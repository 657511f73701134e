"""The GRU as a loop of tensor operations, forwards and backwards, for any device and precision. Equations: gru.py."""

from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, final

import torch
from torch import Tensor

from seqlab.functional.recurrence.activations import Activation
from seqlab.functional.recurrence.buffers import BackwardBlocks, add_product_, product_plus, steps_of
from seqlab.functional.recurrence.noise import Noise

GruTape: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor]
"""Gates; states, the initial one first; the states as W reads them; W h + b (reset after the product) or r h (before it)."""


@final
@dataclass(frozen=True)
class GruForm:
    """The form of a GRU. Units are laid out r, z, n."""

    resets_after: bool
    """Whether r multiplies the product W h + b, or h before it."""
    gate: Activation
    candidate: Activation


def fill_tape(
    tape: GruTape,
    recurrent: Tensor,
    candidate_bias: Tensor | None,
    *,
    form: GruForm,
    noise: Noise,
) -> None:
    """Run through the steps. Every operation writes into a view of a buffer."""
    inputs, states, read, inner = tape
    n_steps, width = inputs.shape[1], states.shape[-1]
    transposed = recurrent.transpose(1, 2)
    for_gates = transposed[..., : 2 * width].contiguous()
    for_candidate = transposed[..., 2 * width :].contiguous()
    everything = transposed.contiguous()
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
            _write_held(product[..., 2 * width :], candidate_bias, out=held)
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


def _write_held(product: Tensor, bias: Tensor | None, *, out: Tensor) -> None:
    """Write W h + b of the candidate."""
    if bias is None:
        out.copy_(product)
    else:
        torch.add(product, bias.unsqueeze(1), out=out)


def unroll_after(
    tape: GruTape,
    recurrent: Tensor,
    gradient: Tensor,
    d_all: Tensor,
    *,
    form: GruForm,
    noise: Noise,
) -> Tensor:
    """Run back through the steps of a GRU that resets after the product.

    Writes the gradients of r, z, the candidate's product and its input into `d_all`; returns that of the initial state.
    """
    gates, states, _, _ = tape
    width = states.shape[-1]
    d_all_steps = steps_of(torch.unflatten(d_all, -1, (4, width)))
    d_product_steps = steps_of(d_all[..., : 3 * width])
    update_steps, outer, zones = steps_of(gates[..., width : 2 * width]), steps_of(gradient), noise.hidden_zones(states)
    slopes = BackwardBlocks(partial(_slopes, tape, form=form), like=tape[0])
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
    return d_hidden


def unroll_before(
    tape: GruTape,
    recurrent: Tensor,
    gradient: Tensor,
    d_all: Tensor,
    *,
    form: GruForm,
    noise: Noise,
) -> Tensor:
    """Run back through the steps of a GRU that resets before the product.

    Writes the gradients of r, z and the candidate's input into `d_all`; returns that of the initial state.
    """
    gates, states, _, _ = tape
    width = states.shape[-1]
    d_gate_steps, outer, zones = steps_of(d_all), steps_of(gradient), noise.hidden_zones(states)
    for_gates, for_candidate = recurrent[:, : 2 * width], recurrent[:, 2 * width :]
    slopes = BackwardBlocks(partial(_slopes, tape, form=form), like=tape[0])
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
    return d_hidden


def _slopes(tape: GruTape, steps: slice, *, form: GruForm) -> list[Tensor]:
    """Return what gradients are multiplied with, (direction batch part hidden) for each step.

    Reset after the product: of r, z, the candidate's product, the candidate's input. Before: of r (by the candidate's product),
    z and the candidate's input.
    """
    gates, states, read, inner = tape
    width = states.shape[-1]
    reset, update, candidate = torch.unflatten(gates[:, steps], -1, (3, width)).unbind(3)
    gate_slopes = torch.unflatten(form.gate.slope(gates[:, steps, :, : 2 * width]), -1, (2, width))
    by_candidate = form.candidate.slope(candidate) * (1 - update)
    by_update = (states[:, steps] - candidate) * gate_slopes[:, :, :, 1]
    if form.resets_after:
        by_reset = by_candidate * inner[:, steps] * gate_slopes[:, :, :, 0]
        parts = [by_reset, by_update, by_candidate * reset, by_candidate]
    else:
        parts = [read[:, steps] * gate_slopes[:, :, :, 0], by_update, by_candidate]
    return steps_of(torch.stack(parts, 3))
