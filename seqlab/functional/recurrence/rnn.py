"""The vanilla recurrence over whole sequences, with a backward pass of its own.

    h_t = f(x_t + W h_{t-1})

where x_t are the projected inputs, biases added (Elman 1990).
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqlab.functional.autograd import apply
from seqlab.functional.native import Operator
from seqlab.functional.recurrence import compiled
from seqlab.functional.recurrence.activations import ACTIVATIONS, Activation
from seqlab.functional.recurrence.buffers import add_product_, buffer_from, product_plus, steps_of, summed_products
from seqlab.functional.recurrence.noise import ARGUMENTS, Noise


def scan_rnn(
    inputs: Float[Tensor, "direction time batch hidden"],
    hidden: Float[Tensor, "direction batch hidden"],
    recurrent: Float[Tensor, "direction hidden hidden"],
    *,
    activation: Activation,
    noise: Noise,
) -> Float[Tensor, "direction time batch hidden"]:
    """Return h of every step, from the initial `hidden`; `inputs` are overwritten."""
    found: Tensor
    if torch.compiler.is_compiling():
        found = _OPERATOR.forward(inputs, hidden, recurrent, *noise.parts, activation.name)
    else:
        found = apply(_RnnScan, activation, noise, inputs, hidden, recurrent)
    return found


def _scan(inputs: Tensor, hidden: Tensor, recurrent: Tensor, *others: Any) -> Tensor:
    *noise, activation = others
    return scan_rnn(inputs, hidden, recurrent, activation=ACTIVATIONS[activation], noise=Noise.of(*noise))


_OPERATOR = Operator(
    "scan_rnn",
    f"Tensor inputs, Tensor hidden, Tensor recurrent, {ARGUMENTS}, str activation",
    _scan,
    shapes=lambda inputs, *_: torch.empty_like(inputs, memory_format=torch.contiguous_format),
)


class _RnnScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, activation: Activation, noise: Noise, inputs: Tensor, hidden: Tensor, recurrent: Tensor) -> Tensor:
        states = buffer_from(hidden, inputs.shape[1])
        read = noise.read_states(states)
        if compiled.is_usable(inputs):
            compiled.run(
                "rnn_forward",
                inputs,
                width=inputs.shape[-1],
                function=activation,
                inputs=inputs,
                hidden=states,
                read=read,
                recurrent=recurrent,
                mask=noise.recurrent,
                zone=noise.hidden_zone,
            )
        else:
            _fill(inputs, states, read, recurrent, activation=activation, noise=noise)
        ctx.activation, ctx.noise = activation, noise
        ctx.save_for_backward(inputs, states, read, recurrent)
        return states[:, 1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        fresh, states, read, recurrent = ctx.saved_tensors
        noise: Noise = ctx.noise
        if compiled.is_usable(gradient):
            d_inputs, d_first = torch.empty_like(fresh), torch.empty_like(states[:, 0])
            compiled.run(
                "rnn_backward",
                fresh,
                width=fresh.shape[-1],
                function=ctx.activation,
                recurrent=recurrent,
                mask=noise.recurrent,
                zone=noise.hidden_zone,
                d_hidden=gradient,
                fresh=fresh,
                d_inputs=d_inputs,
                d_first=d_first,
            )
        else:
            d_inputs, d_first = _unroll(fresh, states, recurrent, gradient, activation=ctx.activation, noise=noise)
        return None, None, d_inputs, d_first, summed_products(d_inputs, read[:, :-1])


def _fill(inputs: Tensor, states: Tensor, read: Tensor, recurrent: Tensor, *, activation: Activation, noise: Noise) -> None:
    """Write the states, the states as W reads them, and (over the inputs) the states before zoneout."""
    state_steps, read_steps, zones = steps_of(states), steps_of(read), noise.hidden_zones(states)
    transposed = recurrent.transpose(1, 2).contiguous()
    for t, fresh in enumerate(steps_of(inputs)):
        old, new = state_steps[t : t + 2]
        add_product_(fresh, read_steps[t], transposed)
        activation.write(fresh, fresh)
        new.copy_(fresh)
        if zones is not None:
            torch.lerp(fresh, old, zones[t], out=new)
        if noise.recurrent is not None:
            torch.mul(new, noise.recurrent, out=read_steps[t + 1])


def _unroll(
    fresh: Tensor, states: Tensor, recurrent: Tensor, gradient: Tensor, *, activation: Activation, noise: Noise
) -> tuple[Tensor, Tensor]:
    """Return the gradients of the inputs and of the initial state."""
    zones = noise.hidden_zones(states)
    d_inputs = activation.slope(fresh)
    d_hidden = gradient[:, -1]
    outer = steps_of(gradient)
    for t, d_input in reversed(list(enumerate(steps_of(d_inputs)))):
        kept = None if zones is None else d_hidden * zones[t]
        d_input.mul_(d_hidden if kept is None else d_hidden - kept)
        before = outer[t - 1] if t else None
        if noise.recurrent is None and kept is None:
            d_hidden = product_plus(before, d_input, recurrent)
        else:
            d_hidden = noise.read_backward(torch.bmm(d_input, recurrent), kept, before)
    return d_inputs, d_hidden
