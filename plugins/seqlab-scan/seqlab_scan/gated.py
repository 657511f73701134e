"""Run the gated recurrences of form.py over whole sequences, by the algorithm that suits form and device, or a given one."""

from dataclasses import fields
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from seqlab.encoders.cells.base import projected
from seqlab.errors import ConfigError
from seqlab.functional.native import Operator
from seqlab_scan import compiled
from seqlab_scan.form import ACTIVATIONS, GatedForm, log_positive
from seqlab_scan.linear import scan_linear
from seqlab_scan.log_space import scan_log_space

Values = Float[Tensor, "direction time batch unit"]

ALGORITHMS = ("auto", "loop", "blocks", "log_space")
"""By default compiled C on a CPU, or the loop where there is no compiler; a Triton kernel on CUDA; blocks elsewhere."""


def check_algorithm(algorithm: str, *, form: GatedForm, has_peepholes: bool) -> str:
    """Return `algorithm`.

    Raises: ConfigError where there is none of that name, or it cannot run `form`.
    """
    if algorithm not in ALGORITHMS:
        raise ConfigError(f"encoder.cell.algorithm is {algorithm!r}; expected one of {', '.join(ALGORITHMS)}")
    if algorithm in ("blocks", "log_space") and has_peepholes:
        raise ConfigError(
            f"encoder.cell.algorithm is {algorithm!r}, but gates that see the state are known only once it is; "
            "set encoder.cell.has_peepholes=false, or encoder.cell.algorithm=auto"
        )
    if algorithm == "log_space" and form.candidate != "positive":
        raise ConfigError(
            f"encoder.cell.algorithm is 'log_space', but candidates of activation {form.candidate!r} may be negative; "
            "set encoder.cell.candidate_activation=positive where the cell has it, or encoder.cell.algorithm=blocks"
        )
    return algorithm


def scan_gated(
    products: Float[Tensor, "direction time batch gate"],
    first: Float[Tensor, "direction batch unit"],
    *,
    bias: Float[Tensor, "direction gate"],
    form: GatedForm,
    algorithm: str,
    zone: Tensor | float | None,
    skip: Values | None = None,
    peepholes: Float[Tensor, "direction 2 unit"] | None = None,
) -> tuple[Values, Values]:
    """Return h and c of every step, from the initial c, `first`; `products`, without `bias`, may be overwritten.

    `zone` is the share of c_{t-1} that stays in c_t, of each unit or of all. `skip` is the input of a highway; where it
    is None, the last of `products` is. Where h is c, they are one tensor.
    """
    if torch.compiler.is_compiling():
        zones, prob = (zone, None) if isinstance(zone, Tensor) else (None, zone)
        tensors = products, first, bias, zones, skip, peepholes
        hidden, states = _OPERATOR.forward(*tensors, prob, algorithm, *(getattr(form, name) for name in _FORM))
        return hidden, states
    if algorithm == "auto" and compiled.is_usable(products):
        return compiled.scan_compiled(products, first, bias=bias, skip=skip, peepholes=peepholes, zone=zone, form=form)
    # Not in place: only the compiled scan may overwrite the products, since autograd needs them here.
    products = products + bias[:, None, None]
    if peepholes is not None:
        return _step_by_step(products, first, form=form, zone=zone, skip=skip, peepholes=peepholes)
    blocks = form.split(products)
    if algorithm == "log_space":
        states = scan_log_space(*_logs(blocks.candidate, form.logits(blocks.gates), zone=zone), first)
    else:
        keep, enter = map(torch.sigmoid, form.logits(blocks.gates))
        if zone is not None:
            keep, enter = keep + zone * (1 - keep), (1 - zone) * enter
        states = scan_linear(keep, enter * ACTIVATIONS[form.candidate](blocks.candidate), first, algorithm=algorithm)
    return form.emitted(states, output=blocks.output, skip=blocks.skip if skip is None else skip), states


_FORM = [field.name for field in fields(GatedForm)]


def _scan(
    products: Tensor,
    first: Tensor,
    bias: Tensor,
    zones: Tensor | None,
    skip: Tensor | None,
    peepholes: Tensor | None,
    *others: Any,
) -> tuple[Tensor, Tensor]:
    prob, algorithm, *form = others
    return scan_gated(
        products,
        first,
        bias=bias,
        form=GatedForm(*form),
        algorithm=algorithm,
        zone=prob if zones is None else zones,
        skip=skip,
        peepholes=peepholes,
    )


def _shapes(products: Tensor, first: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    shape = *products.shape[:3], first.shape[2]
    return products.new_empty(shape), products.new_empty(shape)


_OPERATOR = Operator(
    "scan_gated",
    "Tensor products, Tensor first, Tensor bias, Tensor? zones, Tensor? skip, Tensor? peepholes, float? prob, "
    "str algorithm, int width, str mix, str candidate, str output, str output_activation, float skip_scale",
    _scan,
    shapes=_shapes,
    n_outputs=2,
)


def project(inputs: Float[Tensor, "direction time batch feature"], weight: Float[Tensor, "direction gate feature"]) -> Tensor:
    """Return the inputs' products, (direction time batch gate), in the memory order of the inputs: by step or by record."""
    if inputs.is_contiguous():
        return projected(inputs, weight, None)
    return projected(inputs.transpose(1, 2), weight, None).transpose(1, 2)


def _logs(candidate: Tensor, logits: tuple[Tensor, Tensor], *, zone: Tensor | float | None) -> tuple[Tensor, Tensor]:
    """Return the logarithms of the kept share and of the input."""
    log_keep, log_enter = map(logsigmoid, logits)
    if zone is not None:
        share = torch.as_tensor(zone, dtype=candidate.dtype, device=candidate.device)
        # keep + zone (1 - keep) = zone + (1 - zone) keep, in logs; log1p stays exact for small zones.
        log_keep, log_enter = torch.logaddexp(share.log(), (-share).log1p() + log_keep), (-share).log1p() + log_enter
    return log_keep, log_enter + log_positive(candidate)


def _step_by_step(
    products: Tensor,
    first: Tensor,
    *,
    form: GatedForm,
    zone: Tensor | float | None,
    skip: Tensor | None,
    peepholes: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return h and c where gates see the state, each step by autograd."""
    seen, state, made = peepholes.unsqueeze(2).unbind(1), first, []
    for t, product in enumerate(products.unbind(1)):
        around = None if skip is None else skip[:, t]
        share = zone[:, t] if isinstance(zone, Tensor) else zone
        hidden, state, _ = form.step(product, state, skip=around, peepholes=(seen[0], seen[1]), zone=share)
        made.append((hidden, state))
    hidden, states = (torch.stack(values, 1) for values in zip(*made, strict=True))
    return hidden, states
