"""The vanilla recurrence over whole sequences, with a backward pass of its own.

    h_t = f(x_t + W h_{t-1})

where x_t are the projected inputs, biases added (Elman 1990).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.functional.autograd import differentiate
from seqlab.functional.native import Operator, check_arrays
from seqlab.functional.recurrence import compiled
from seqlab.functional.recurrence.activations import ACTIVATIONS, Activation
from seqlab.functional.recurrence.buffers import add_product_, buffer_from, steps_of, summed_products
from seqlab.functional.recurrence.noise import ARGUMENTS, Noise, split_kept


def scan_rnn(
    inputs: Float[Tensor, "direction time batch hidden"],
    hidden: Float[Tensor, "direction batch hidden"],
    recurrent: Float[Tensor, "direction hidden hidden"],
    *,
    activation: Activation,
    noise: Noise,
) -> Float[Tensor, "direction time batch hidden"]:
    """Return h of every step, from the initial `hidden`; `inputs` are overwritten."""
    if torch.compiler.is_compiling():
        return cast(Tensor, _OPERATOR.forward(inputs, hidden, recurrent, *noise.parts, activation.name))
    fixed: dict[str, Any] = {"activation": activation, "noise": noise}
    return cast(Tensor, differentiate(partial(_forward, **fixed), partial(_backward, **fixed), inputs, hidden, recurrent))


def _scan(inputs: Tensor, hidden: Tensor, recurrent: Tensor, *others: Any) -> Tensor:
    *noise, activation = others
    return scan_rnn(inputs, hidden, recurrent, activation=ACTIVATIONS[activation], noise=Noise.of(*noise))


_OPERATOR = Operator(
    "scan_rnn",
    f"Tensor inputs, Tensor hidden, Tensor recurrent, {ARGUMENTS}, str activation",
    _scan,
    shapes=lambda inputs, *_: torch.empty_like(inputs, memory_format=torch.contiguous_format),
)


def _forward(
    inputs: Tensor, hidden: Tensor, recurrent: Tensor, *, activation: Activation, noise: Noise
) -> tuple[Tensor, tuple[Tensor, ...]]:
    is_compiled = compiled.is_usable(inputs)
    if is_compiled:
        _check(inputs, hidden, recurrent, noise=noise)
    states = buffer_from(hidden, inputs.shape[1])
    read = noise.read_states(states)
    if is_compiled:
        fields = _fields(recurrent, activation=activation, noise=noise)
        compiled.run("rnn_forward", inputs, **fields, inputs=inputs, hidden=states, read=read)
    else:
        _fill(inputs, states, read, recurrent, activation=activation, noise=noise)
    return states[:, 1:], (inputs, states, read, recurrent)


def _check(inputs: Tensor, hidden: Tensor, recurrent: Tensor, *, noise: Noise) -> None:
    """Raise ValueError for tensors that do not fit the recurrent weights."""
    lead, width = inputs.shape[:3], recurrent.shape[-1]
    arrays = {
        "inputs": (inputs, (*lead, width)),
        "hidden": (hidden, (lead[0], lead[2], width)),
        "recurrent": (recurrent, (lead[0], width, width)),
    }
    check_arrays("scan_rnn", inputs, {**arrays, **noise.arrays(lead, width=width)})


def _backward(saved: Sequence[Tensor], gradient: Tensor, *, activation: Activation, noise: Noise) -> tuple[Tensor, ...]:
    fresh, states, read, recurrent = saved
    if compiled.is_usable(gradient):
        d_inputs, d_first = torch.empty_like(fresh), torch.empty_like(states[:, 0])
        fields = _fields(recurrent, activation=activation, noise=noise)
        compiled.run("rnn_backward", fresh, **fields, d_hidden=gradient, fresh=fresh, d_inputs=d_inputs, d_first=d_first)
    else:
        d_inputs, d_first = _unroll(fresh, states, recurrent, gradient, activation=activation, noise=noise)
    return d_inputs, d_first, summed_products(d_inputs, read[:, :-1])


def _fields(recurrent: Tensor, *, activation: Activation, noise: Noise) -> dict[str, Any]:
    """Return the fields of the C structure that both passes read."""
    of_noise = {"mask": noise.recurrent, "hidden_zone": noise.hidden_zone}
    return {"width": recurrent.shape[-1], "function": activation, "recurrent": recurrent, **of_noise}


def _fill(inputs: Tensor, states: Tensor, read: Tensor, recurrent: Tensor, *, activation: Activation, noise: Noise) -> None:
    """Write the states, the states as W reads them, and (over the inputs) the states before zoneout."""
    state_steps, read_steps, zones = steps_of(states), steps_of(read), noise.hidden_zones(states)
    transposed = recurrent.transpose(1, 2).contiguous()
    for t, (fresh, zone) in enumerate(zip(steps_of(inputs), zones, strict=True)):
        old, new = state_steps[t : t + 2]
        add_product_(fresh, read_steps[t], transposed)
        activation.write(fresh, fresh)
        # The state before zoneout stays in `fresh`, since the slope is a function of it.
        new.copy_(fresh)
        if zone is not None:
            torch.lerp(fresh, old, zone, out=new)
        if noise.recurrent is not None:
            torch.mul(new, noise.recurrent, out=read_steps[t + 1])


def _unroll(
    fresh: Tensor, states: Tensor, recurrent: Tensor, gradient: Tensor, *, activation: Activation, noise: Noise
) -> tuple[Tensor, Tensor]:
    """Return the gradients of the inputs and of the initial state."""
    # The slopes of all steps in one call; the loop multiplies them in place by what flows back.
    d_inputs, d_hidden = activation.slope(fresh), gradient[:, -1]
    d_input_steps, outer, zones = steps_of(d_inputs), steps_of(gradient), noise.hidden_zones(states)
    for t in reversed(range(len(outer))):
        d_fresh, kept = split_kept(d_hidden, zones[t])
        d_input_steps[t].mul_(d_fresh)
        d_hidden = noise.state_backward(d_input_steps[t], recurrent, kept, outer[t - 1] if t else None)
    return d_inputs, d_hidden
