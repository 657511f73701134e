"""The recurrence of the sLSTM with a backward pass of its own (Beck et al. 2024, equations 8 to 17).

    c_t = f_t c_{t-1} + i_t z_t      n_t = f_t n_{t-1} + i_t      h_t = o_t c_t / n_t

i and f may be exponentials, of a_i and a_f, so c and n may be huge. h reads only their ratio, so c / n and log n are kept in
their place. With d_t = log f_t + log n_{t-1} - a_i, the share of the old state is k_t = f_t n_{t-1} / n_t = sigmoid(d_t), and

    c_t / n_t = k_t c_{t-1} / n_{t-1} + (1 - k_t) z_t      log n_t = a_i + log(1 + exp(d_t))

so nothing overflows, and no other stabiliser is needed. Below, c is the ratio. Tensors are (head, time, batch, unit): each head
of each direction has a recurrent matrix R of its own, and a_t = x_t + R h_{t-1} is laid out (i, f, z, o).
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from seqlab.functional.autograd import differentiate
from seqlab.functional.native import Library, Operator, check_arrays
from seqlab.functional.recurrence.buffers import buffer_from, steps_of, summed_products
from seqlab_scan.heads import log_forget

LIBRARY = Library(Path(__file__).with_name("scalar.c"), work="scalar memories", structures=["Scalar"])
Values = Float[Tensor, "head time batch unit"]
First = Float[Tensor, "head batch unit"]


class Tape(NamedTuple):
    """What the forward pass keeps for the backward pass; the states have one more step, the initial one, first."""

    gates: Tensor
    """k, the slope of log f, z and o."""
    hidden: Tensor
    read: Tensor
    """h as R reads it."""
    cell: Tensor
    weight: Tensor
    """log n"""


def is_usable(values: Tensor) -> bool:
    """Return whether the library takes `values`: float32 on a CPU, where the library loads."""
    return values.dtype == torch.float32 and values.device.type == "cpu" and LIBRARY.is_usable


def next_memory(
    products: Sequence[Float[Tensor, "*lead unit"]], cell: Tensor, weight: Tensor, *, forget_gate: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Return k, c and log n after a step, from the products of i, f and z and from c and log n before it."""
    kept, entered = log_forget(products[1], kind=forget_gate) + weight, products[0]
    share, candidate = torch.sigmoid(kept - entered), torch.tanh(products[2])
    return share, candidate + share * (cell - candidate), torch.logaddexp(kept, entered)


def scan_scalar(
    products: Float[Tensor, "head time batch gate"],
    hidden: First,
    cell: First,
    weight: First,
    recurrent: Float[Tensor, "head gate unit"],
    *,
    mask: First | None,
    forget_gate: str,
) -> tuple[Values, Values, Values]:
    """Return h, c and log n of every step from the initial ones; `products`, those of the inputs, are overwritten.

    `mask` are factors of h before R, the same in each step.
    """
    found: tuple[Tensor, Tensor, Tensor] = _OPERATOR(products, hidden, cell, weight, recurrent, mask, forget_gate)
    return found


def _scan(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    *tensors, mask, forget_gate = arguments
    fixed = {"mask": mask, "forget_gate": forget_gate}
    found: tuple[Tensor, Tensor, Tensor] = differentiate(partial(_forward, **fixed), partial(_backward, **fixed), *tensors)
    return found


_OPERATOR = Operator(
    "scan_scalar",
    "Tensor products, Tensor hidden, Tensor cell, Tensor weight, Tensor recurrent, Tensor? mask, str forget_gate",
    _scan,
    shapes=lambda products, hidden, *_: tuple(products.new_empty(*products.shape[:3], hidden.shape[2]) for _ in range(3)),
    n_outputs=3,
)


def _forward(
    products: Tensor, *first_and_recurrent: Tensor, mask: Tensor | None, forget_gate: str
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    *first, recurrent = first_and_recurrent
    _check(products, first, recurrent, mask)
    hidden, cell, weight = (buffer_from(state, products.shape[1]) for state in first)
    read = hidden if mask is None else buffer_from(first[0] * mask, products.shape[1])
    tape = Tape(products, hidden, read, cell, weight)
    if is_usable(products):
        _run("scalar_forward", tape, recurrent=recurrent, mask=mask, is_exponential=forget_gate == "exponential")
    else:
        _fill_tape(tape, recurrent, mask, forget_gate=forget_gate)
    return (hidden[:, 1:], cell[:, 1:], weight[:, 1:]), (*tape, recurrent)


def _check(products: Tensor, first: Sequence[Tensor], recurrent: Tensor, mask: Tensor | None) -> None:
    """Raise ValueError for tensors that do not fit the recurrent weights."""
    n_heads, _, n_records, _ = products.shape
    width = recurrent.shape[-1]
    named = dict(zip(("hidden", "cell", "weight", "mask"), (*first, mask), strict=True))
    arrays = {name: (state, (n_heads, n_records, width)) for name, state in named.items()}
    shapes = {"products": (products, (*products.shape[:3], 4 * width)), "recurrent": (recurrent, (n_heads, 4 * width, width))}
    check_arrays("scan_scalar", products, {**arrays, **shapes})


def _run(function: str, tape: Tape, **values: Tensor | float | None) -> None:
    """Call `seqlab_FUNCTION`; tensors that are written to must be contiguous."""
    sizes = [*tape.gates.shape[:3], torch.get_num_threads()]
    LIBRARY.run(f"seqlab_{function}", "Scalar", sizes, {**tape._asdict(), "width": tape.hidden.shape[-1], **values})


def _fill_tape(tape: Tape, recurrent: Tensor, mask: Tensor | None, *, forget_gate: str) -> None:
    """Run through the steps."""
    hidden, read, cells, weights = map(steps_of, tape[1:])
    for t, gates in enumerate(steps_of(tape.gates)):
        torch.baddbmm(gates, read[t], recurrent.transpose(1, 2), out=gates)
        *products, output = gates.chunk(4, -1)
        share, cell, weight = next_memory(products, cells[t], weights[t], forget_gate=forget_gate)
        cells[t + 1].copy_(cell)
        weights[t + 1].copy_(weight)
        torch.mul(output.sigmoid_(), cell, out=hidden[t + 1])
        products[0].copy_(share)
        products[1].neg_().sigmoid_() if forget_gate == "sigmoid" else products[1].fill_(1.0)
        products[2].tanh_()
        if mask is not None:
            torch.mul(hidden[t + 1], mask, out=read[t + 1])


def _backward(saved: Sequence[Tensor], *gradients: Tensor | None, mask: Tensor | None, forget_gate: str) -> tuple[Tensor, ...]:
    *parts, recurrent = saved
    tape = Tape(*parts)
    d_products = torch.empty_like(tape.gates)
    if is_usable(tape.gates):
        d_first = tuple(torch.empty_like(tape.hidden[:, 0]) for _ in range(3))
        made = zip(("d_first", "d_first_cell", "d_first_weight"), d_first, strict=True)
        given = zip(("d_hidden", "d_cell", "d_weight"), gradients, strict=True)
        _run("scalar_backward", tape, recurrent=recurrent, mask=mask, d_gates=d_products, **dict(made), **dict(given))
    else:
        d_first = _unroll_tape(tape, recurrent, mask, gradients, d_products)
    return d_products, *d_first, summed_products(d_products, tape.read[:, :-1])


def _unroll_tape(
    tape: Tape, recurrent: Tensor, mask: Tensor | None, gradients: Sequence[Tensor | None], d_products: Tensor
) -> tuple[Tensor, ...]:
    """Run back through the steps: write the gradients of the products, and return those of the initial states."""
    share, slope, candidate, output = tape.gates.chunk(4, -1)
    by_share = (share - share * share) * (tape.cell[:, :-1] - candidate)
    by_output = tape.cell[:, 1:] * (output - output * output)
    by_candidate = (1 - share) * (1 - candidate * candidate)
    outer = [steps_of(torch.zeros_like(tape.cell[:, 1:]) if one is None else one) for one in gradients]
    d_hidden, d_cell, d_weight = (torch.zeros_like(tape.hidden[:, 0]) for _ in range(3))
    steps = list(zip(*map(steps_of, (share, slope, output, by_share, by_output, by_candidate, d_products)), strict=True))
    for t in reversed(range(len(steps))):
        kept, of_forget, gate, of_share, of_output, of_candidate, made = steps[t]
        now = [inner + of_steps[t] for inner, of_steps in zip((d_hidden, d_cell, d_weight), outer, strict=True)]
        d_cell = torch.addcmul(now[1], now[0], gate)
        d_kept = torch.addcmul(d_cell * of_share, now[2], kept)
        parts = now[2] - d_kept, d_kept * of_forget, d_cell * of_candidate, now[0] * of_output
        torch.cat(parts, -1, out=made)
        d_hidden, d_cell, d_weight = torch.bmm(made, recurrent), d_cell * kept, d_kept
        d_hidden = d_hidden if mask is None else d_hidden * mask
    return d_hidden, d_cell, d_weight
