"""Call the gated recurrences compiled from `gated.c`."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqlab.functional.autograd import apply
from seqlab.functional.native import Library, check_arrays
from seqlab.functional.recurrence.buffers import buffer_from
from seqlab_scan.form import ACTIVATIONS, MIXES, OUTPUTS, GatedForm

_FUNCTIONS = list(ACTIVATIONS)
LIBRARY = Library(Path(__file__).with_name("gated.c"), work="gated recurrences", structures=["Gated"])


def is_usable(values: Tensor) -> bool:
    """Return whether the library takes `values`: float32 on a CPU, where the library loads."""
    return values.dtype == torch.float32 and values.device.type == "cpu" and LIBRARY.is_usable


def scan_compiled(
    products: Tensor,
    first: Tensor,
    *,
    bias: Tensor,
    skip: Tensor | None,
    peepholes: Tensor | None,
    zone: Tensor | float | None,
    form: GatedForm,
) -> tuple[Tensor, Tensor]:
    """Return h and c of every step, as `scan_gated` does; `products` are overwritten.

    Where records are contiguous in memory, each is passed as a direction of its own, so that nothing is copied.
    """
    _check(products, first, bias=bias, skip=skip, peepholes=peepholes, zone=zone, form=form)
    n_records = products.shape[2]
    lies_apart = products.transpose(1, 2).is_contiguous() and not products.is_contiguous()
    if lies_apart:
        products, first = _apart(products), first.flatten(0, 1).unsqueeze(1)
        skip, zone = None if skip is None else _apart(skip), _apart(zone) if isinstance(zone, Tensor) else zone
        # Each record is now a direction of its own, and has the weights of the direction that it came from.
        bias = bias.repeat_interleave(n_records, 0)
        peepholes = None if peepholes is None else peepholes.repeat_interleave(n_records, 0)
    hidden, states = apply(_CompiledScan, form, zone, products.contiguous(), first, bias, skip, peepholes)
    hidden = states if hidden is None else hidden
    return (_together(hidden, n_records), _together(states, n_records)) if lies_apart else (hidden, states)


def _check(products: Tensor, first: Tensor, *, form: GatedForm, **others: Tensor | float | None) -> None:
    """Raise ValueError for tensors that do not fit the form."""
    lead, n_directions, width = products.shape[:3], products.shape[0], form.width
    has_own_skip = form.output == "highway" and others["skip"] is None
    n_columns = (form.n_blocks + has_own_skip) * width
    shapes = {"bias": (n_directions, n_columns), "skip": (*lead, width), "peepholes": (n_directions, 2, width)}
    arrays: dict[str, tuple[object, tuple[int, ...]]] = {
        "products": (products, (*lead, n_columns)),
        "first": (first, (n_directions, lead[2], width)),
        **{name: (others[name], shape) for name, shape in shapes.items()},
        "zone": (others["zone"], (*lead, width)),
    }
    check_arrays("scan_gated", products, arrays)


def _apart(values: Tensor) -> Tensor:
    """Return (record time 1 feature) of (direction time batch feature)."""
    return values.transpose(1, 2).flatten(0, 1).unsqueeze(2)


def _together(values: Tensor, n_records: int) -> Tensor:
    """Return (direction time batch feature) of (record time 1 feature)."""
    n_units, n_steps, _, width = values.shape
    return values.view(n_units // n_records, n_records, n_steps, width).transpose(1, 2)


class _CompiledScan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        form: GatedForm,
        zone: Tensor | float | None,
        gates: Tensor,
        first: Tensor,
        bias: Tensor,
        skip: Tensor | None,
        peepholes: Tensor | None,
    ) -> tuple[Tensor | None, Tensor]:
        ctx.set_materialize_grads(False)
        skip, states = None if skip is None else skip.contiguous(), buffer_from(first, gates.shape[1])
        hidden = None if form.output == "state" else torch.empty_like(states[:, 1:])
        _run("gated_forward", form, gates, states=states, hidden=hidden, bias=bias, skip=skip, peepholes=peepholes, zone=zone)
        ctx.form, ctx.zone = form, zone
        ctx.save_for_backward(gates, states, skip, peepholes)
        return hidden, states[:, 1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_hidden: Tensor | None, d_states: Tensor | None) -> tuple[Tensor | None, ...]:
        gates, states, skip, peepholes = ctx.saved_tensors
        # The outputs are separate tensors then, and a loss may use the states alone.
        if ctx.form.output != "state" and d_hidden is None:
            d_hidden = torch.zeros_like(states[:, 1:])
        of_records = states.shape[0], states.shape[2]
        made = {
            "d_gates": torch.empty_like(gates),
            "d_first": torch.empty_like(states[:, 0]),
            "d_bias": gates.new_empty(*of_records, gates.shape[3]),
            "d_skip": None if skip is None else torch.empty_like(skip),
            "d_peepholes": None if peepholes is None else states.new_zeros(*of_records, *peepholes.shape[1:]),
        }
        given = {"states": states, "skip": skip, "peepholes": peepholes, "zone": ctx.zone}
        _run("gated_backward", ctx.form, gates, **given, **made, d_hidden=d_hidden, d_states=d_states)
        d_peepholes = None if peepholes is None else made["d_peepholes"].sum(1)
        return None, None, made["d_gates"], made["d_first"], made["d_bias"].sum(1), made["d_skip"], d_peepholes


def _run(function: str, form: GatedForm, gates: Tensor, **values: Tensor | float | None) -> None:
    """Call `seqlab_FUNCTION`; tensors that are written to must be contiguous."""
    described = {
        "width": form.width,
        "n_columns": gates.shape[3],
        "mix": MIXES.index(form.mix),
        "candidate": _FUNCTIONS.index(form.candidate),
        "output": OUTPUTS.index(form.output),
        "output_activation": _FUNCTIONS.index(form.output_activation),
        "skip_scale": form.skip_scale,
    }
    sizes = [*gates.shape[:3], torch.get_num_threads()]
    LIBRARY.run(f"seqlab_{function}", "Gated", sizes, {**described, "gates": gates, **values})
