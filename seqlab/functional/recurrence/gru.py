"""The GRU over whole sequences, with a backward pass of its own.

    r_t = s(x_t + W h_{t-1})        z_t = s(x_t + W h_{t-1})        h_t = (1 - z_t) n_t + z_t h_{t-1}

    reset after the product (torch, cuDNN):     n_t = a(x_t + r_t (W h_{t-1} + b))
    reset before it (Cho et al. 2014, eq. 8):   n_t = a(x_t + W (r_t h_{t-1}))

where x_t are the projected inputs, biases added. In Cho's paper z is 1 - z.
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
from seqlab.functional.recurrence.buffers import buffer_from, summed_products
from seqlab.functional.recurrence.gru_steps import GruForm, GruTape, fill_tape, unroll_after, unroll_before
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
    found: Tensor
    if torch.compiler.is_compiling():
        kind = form.resets_after, form.gate.name, form.candidate.name
        found = _OPERATOR.forward(inputs, hidden, recurrent, candidate_bias, *noise.parts, *kind)
    else:
        found = apply(_GruScan, form, noise, inputs, hidden, recurrent, candidate_bias)
    return found


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
) -> GruTape:
    """Return gates, states (the initial one first), what W reads of them, and what r multiplies, or its result."""
    n_steps, width = inputs.shape[1], hidden.shape[2]
    states = buffer_from(hidden, n_steps)
    read = noise.read_states(states)
    inner = inputs.new_empty(*inputs.shape[:3], width)
    tape = inputs, states, read, inner
    if compiled.is_usable(inputs):
        compiled.run("gru_forward", inputs, **_compiled_fields(tape, recurrent, form=form, noise=noise), bias=candidate_bias)
    else:
        fill_tape(tape, recurrent, candidate_bias, form=form, noise=noise)
    return tape


def _backward(tape: GruTape, recurrent: Tensor, gradient: Tensor, *, form: GruForm, noise: Noise) -> GruTape:
    """Return the gradients of inputs, initial state, W and b."""
    gates, states, read, inner = tape
    width = states.shape[-1]
    # Gradients of r, z, the candidate's product and its input; where r resets before the product, of r, z and its input.
    d_all = gates.new_empty(*gates.shape[:3], (4 if form.resets_after else 3) * width)
    if compiled.is_usable(gates):
        d_first = torch.empty_like(states[:, 0])
        fields = _compiled_fields(tape, recurrent, form=form, noise=noise)
        compiled.run("gru_backward", gates, **fields, d_hidden=gradient, d_all=d_all, d_first=d_first)
    elif form.resets_after:
        d_first = unroll_after(tape, recurrent, gradient, d_all, form=form, noise=noise)
    else:
        d_first = unroll_before(tape, recurrent, gradient, d_all, form=form, noise=noise)
    if form.resets_after:
        d_products = d_all[..., : 3 * width]
        d_inputs = torch.cat([d_all[..., : 2 * width], d_all[..., 3 * width :]], -1)
        return d_inputs, d_first, summed_products(d_products, read[:, :-1]), d_products[..., 2 * width :].sum((1, 2))
    for_gates = summed_products(d_all[..., : 2 * width], read[:, :-1])
    for_candidate = summed_products(d_all[..., 2 * width :], inner)
    return d_all, d_first, torch.cat([for_gates, for_candidate], dim=1), d_all.new_zeros(len(d_all), width)


def _compiled_fields(
    tape: GruTape, recurrent: Tensor, *, form: GruForm, noise: Noise
) -> dict[str, Tensor | Activation | float | None]:
    """Return the fields of the C structure that both passes read."""
    gates, states, read, inner = tape
    return {
        "width": states.shape[-1],
        "resets_after": form.resets_after,
        "gate": form.gate,
        "candidate": form.candidate,
        "gates": gates,
        "hidden": states,
        "read": read,
        "inner": inner,
        "recurrent": recurrent,
        "mask": noise.recurrent,
        "zone": noise.hidden_zone,
    }
