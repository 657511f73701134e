"""The GRU over whole sequences, with a backward pass of its own.

    r_t = s(x_t + W h_{t-1})        z_t = s(x_t + W h_{t-1})        h_t = (1 - z_t) n_t + z_t h_{t-1}

    reset after the product (torch, cuDNN):     n_t = a(x_t + r_t (W h_{t-1} + b))
    reset before it (Cho et al. 2014, eq. 8):   n_t = a(x_t + W (r_t h_{t-1}))

where x_t are the projected inputs, biases added. In Cho's paper z is 1 - z.
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
from seqlab.functional.recurrence.activations import ACTIVATIONS
from seqlab.functional.recurrence.buffers import buffer_from, summed_products
from seqlab.functional.recurrence.gru_steps import GruForm, GruTape, fill_tape, unroll_tape
from seqlab.functional.recurrence.noise import ARGUMENTS, Noise


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
    tensors = inputs, hidden, recurrent, candidate_bias
    if torch.compiler.is_compiling():
        kind = form.resets_after, form.gate.name, form.candidate.name
        return cast(Tensor, _OPERATOR.forward(*tensors, *noise.parts, *kind))
    fixed: dict[str, Any] = {"form": form, "noise": noise}
    return cast(Tensor, differentiate(partial(_forward, **fixed), partial(_backward, **fixed), *tensors))


def _scan(inputs: Tensor, hidden: Tensor, recurrent: Tensor, candidate_bias: Tensor | None, *others: Any) -> Tensor:
    *noise, resets_after, gate, candidate = others
    form = GruForm(resets_after=resets_after, gate=ACTIVATIONS[gate], candidate=ACTIVATIONS[candidate])
    return scan_gru(inputs, hidden, recurrent, candidate_bias, form=form, noise=Noise.of(*noise))


_OPERATOR = Operator(
    "scan_gru",
    "Tensor inputs, Tensor hidden, Tensor recurrent, Tensor? candidate_bias, "
    f"{ARGUMENTS}, bool resets_after, str gate, str candidate",
    _scan,
    shapes=lambda inputs, hidden, *_: inputs.new_empty(*inputs.shape[:3], hidden.shape[2]),
)


def _forward(
    inputs: Tensor, hidden: Tensor, recurrent: Tensor, bias: Tensor | None, *, form: GruForm, noise: Noise
) -> tuple[Tensor, tuple[Tensor, ...]]:
    is_compiled = compiled.is_usable(inputs)
    if is_compiled:
        _check(inputs, hidden, recurrent, bias, noise=noise)
    states = buffer_from(hidden, inputs.shape[1])
    tape = GruTape(inputs, states, noise.read_states(states), inputs.new_empty(*inputs.shape[:3], hidden.shape[2]))
    if is_compiled:
        compiled.run("gru_forward", inputs, **_fields(tape, recurrent, form=form, noise=noise), bias=bias)
    else:
        fill_tape(tape, recurrent, bias, form=form, noise=noise)
    return states[:, 1:], (*tape, recurrent)


def _check(inputs: Tensor, hidden: Tensor, recurrent: Tensor, bias: Tensor | None, *, noise: Noise) -> None:
    """Raise ValueError for tensors that do not fit the recurrent weights."""
    lead, width = inputs.shape[:3], recurrent.shape[-1]
    arrays = {
        "inputs": (inputs, (*lead, 3 * width)),
        "hidden": (hidden, (lead[0], lead[2], width)),
        "recurrent": (recurrent, (lead[0], 3 * width, width)),
        "candidate_bias": (bias, (lead[0], width)),
    }
    check_arrays("scan_gru", inputs, {**arrays, **noise.arrays(lead, width=width)})


def _backward(saved: Sequence[Tensor], gradient: Tensor, *, form: GruForm, noise: Noise) -> tuple[Tensor, ...]:
    *parts, recurrent = saved
    tape = GruTape(*parts)
    width = tape.hidden.shape[-1]
    # Gradients of r, z, the candidate's product and its input; where r resets before the product, of r, z and its input.
    d_all = tape.gates.new_empty(*tape.gates.shape[:3], (4 if form.resets_after else 3) * width)
    if compiled.is_usable(tape.gates):
        d_first = torch.empty_like(tape.hidden[:, 0])
        fields = _fields(tape, recurrent, form=form, noise=noise)
        compiled.run("gru_backward", tape.gates, **fields, d_hidden=gradient, d_all=d_all, d_first=d_first)
    else:
        d_first = unroll_tape(tape, recurrent, gradient, d_all, form=form, noise=noise)
    if form.resets_after:
        # The products of r and z are also their inputs; only the candidate has an input apart from its product.
        d_products = d_all[..., : 3 * width]
        d_inputs = torch.cat([d_all[..., : 2 * width], d_all[..., 3 * width :]], -1)
        d_bias = d_products[..., 2 * width :].sum((1, 2))
        return d_inputs, d_first, summed_products(d_products, tape.read[:, :-1]), d_bias
    for_gates = summed_products(d_all[..., : 2 * width], tape.read[:, :-1])
    for_candidate = summed_products(d_all[..., 2 * width :], tape.inner)
    return d_all, d_first, torch.cat([for_gates, for_candidate], dim=1), d_all.new_zeros(len(d_all), width)


def _fields(tape: GruTape, recurrent: Tensor, *, form: GruForm, noise: Noise) -> dict[str, Any]:
    """Return the fields of the C structure that both passes read."""
    of_noise = {"mask": noise.recurrent, "hidden_zone": noise.hidden_zone}
    return {**vars(form), **tape._asdict(), "width": tape.hidden.shape[-1], "recurrent": recurrent, **of_noise}
