"""The GRU as a loop of tensor operations, forwards and backwards, for any device and precision. Equations: gru.py."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, final

import torch
from torch import Tensor

from seqlab.functional.recurrence.activations import Activation
from seqlab.functional.recurrence.buffers import BackwardBlocks, add_product_, product_plus, steps_of
from seqlab.functional.recurrence.noise import Noise, split_kept


class GruTape(NamedTuple):
    """What the forward pass keeps for the backward pass."""

    gates: Tensor
    hidden: Tensor
    """The initial state first."""
    read: Tensor
    """h as W reads it."""
    inner: Tensor
    """W h + b (reset after the product) or r h (before it)."""


@final
@dataclass(frozen=True)
class GruForm:
    """The form of a GRU. Units are laid out r, z, n."""

    resets_after: bool
    """Whether r multiplies the product W h + b, or h before it."""
    gate: Activation
    candidate: Activation


def fill_tape(tape: GruTape, recurrent: Tensor, bias: Tensor | None, *, form: GruForm, noise: Noise) -> None:
    """Run through the steps. Every operation writes into a view of a buffer."""
    width = tape.hidden.shape[-1]
    # Transposed copies once, so that every step's product reads memory in order.
    everything = recurrent.transpose(1, 2).contiguous()
    for_gates, for_candidate = everything[..., : 2 * width].contiguous(), everything[..., 2 * width :].contiguous()
    # Views are taken once, not once a step: at this size a view costs as much as the arithmetic.
    states, read, zones = steps_of(tape.hidden), steps_of(tape.read), noise.hidden_zones(tape.hidden)
    parts = slice(2 * width), slice(width), slice(width, 2 * width), slice(2 * width, None)
    steps = zip(*(steps_of(tape.gates[..., part]) for part in parts), steps_of(tape.inner), strict=True)
    for t, (gates, reset, update, candidate, inner) in enumerate(steps):
        if form.resets_after:
            product = torch.bmm(read[t], everything)
            gates += product[..., : 2 * width]
            form.gate.write(gates, gates)
            if bias is None:
                inner.copy_(product[..., 2 * width :])
            else:
                torch.add(product[..., 2 * width :], bias.unsqueeze(1), out=inner)
            # `inner` is kept as it was before the gate: the gradient of r needs it.
            candidate.addcmul_(reset, inner)
        else:
            add_product_(gates, read[t], for_gates)
            form.gate.write(gates, gates)
            torch.mul(reset, read[t], out=inner)
            add_product_(candidate, inner, for_candidate)
        form.candidate.write(candidate, candidate)
        new = torch.lerp(candidate, states[t], update, out=states[t + 1])
        if (zone := zones[t]) is not None:
            torch.lerp(new, states[t], zone, out=new)
        if noise.recurrent is not None:
            torch.mul(new, noise.recurrent, out=read[t + 1])


def unroll_tape(tape: GruTape, recurrent: Tensor, gradient: Tensor, d_all: Tensor, *, form: GruForm, noise: Noise) -> Tensor:
    """Run back through the steps; return the gradient of the initial state.

    Writes into `d_all` the gradients of r, z, the candidate's product (only where r resets after it) and the candidate's input.
    """
    width = tape.hidden.shape[-1]
    for_gates, for_candidate = recurrent[:, : 2 * width], recurrent[:, 2 * width :]
    resets, updates = steps_of(tape.gates[..., :width]), steps_of(tape.gates[..., width : 2 * width])
    d_parts, d_products = (
        steps_of(torch.unflatten(d_all, -1, (-1, width))),
        steps_of(d_all[..., : (3 if form.resets_after else 2) * width]),
    )
    outer, zones, d_hidden = steps_of(gradient), noise.hidden_zones(tape.hidden), gradient[:, -1]
    slopes = BackwardBlocks(partial(_slopes, tape, form=form), like=tape.gates)
    for t in reversed(range(len(outer))):
        d_fresh, kept = split_kept(d_hidden, zones[t])
        before, slope = outer[t - 1] if t else None, slopes.at(t)
        if not form.resets_after:
            torch.mul(d_fresh.unsqueeze(2), slope[:, :, 1:], out=d_parts[t][:, :, 1:])
            d_reset_read = torch.bmm(d_parts[t][:, :, 2], for_candidate)
            torch.mul(d_reset_read, slope[:, :, 0], out=d_parts[t][:, :, 0])
            d_read = product_plus(d_reset_read * resets[t], d_products[t], for_gates)
            d_hidden = noise.read_backward(d_read, d_fresh * updates[t], kept, before)
            continue
        torch.mul(d_fresh.unsqueeze(2), slope, out=d_parts[t])
        if noise.recurrent is None and kept is None:  # one product, with the sum of the others as its base
            base = d_fresh * updates[t] if before is None else torch.addcmul(before, d_fresh, updates[t])
            d_hidden = product_plus(base, d_products[t], recurrent)
        else:
            d_hidden = noise.read_backward(torch.bmm(d_products[t], recurrent), d_fresh * updates[t], kept, before)
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
