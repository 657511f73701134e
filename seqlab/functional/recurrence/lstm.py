"""The LSTM over whole sequences, with a backward pass of its own.

    i_t = s(x_t + W h_{t-1} + p_i c_{t-1})        f_t = s(x_t + W h_{t-1} + p_f c_{t-1})
    g_t = a(x_t + W h_{t-1})                      c_t = f_t c_{t-1} + i_t g_t
    o_t = s(x_t + W h_{t-1} + p_o c_t)            h_t = P (o_t b(c_t))

where x_t are the projected inputs, biases added (Hochreiter and Schmidhuber 1997; Gers et al. 2000 for f; Gers and Schmidhuber
2000 for the peepholes p; Sak et al. 2014 for the projection P). Normalised (Ba et al. 2016), x and W h are each scaled to mean
0 and deviation 1 and multiplied by a gain, and a bias is added; so is c before b. Gates may be shared by the cells of a block
(Graves 2012, §4.5).

Both directions of a layer run side by side, on a leading axis. The steps run in C (`compiled`) where there is a compiler, else
as tensor operations (`lstm_forward`, `lstm_backward`).
"""

from collections.abc import Sequence
from dataclasses import fields, replace
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
from seqlab.functional.recurrence.lstm_backward import unroll_tape
from seqlab.functional.recurrence.lstm_forward import fill_tape
from seqlab.functional.recurrence.lstm_variant import LstmForm, LstmGradients, LstmTape, LstmWeights
from seqlab.functional.recurrence.noise import ARGUMENTS, Noise


def scan_lstm(
    inputs: Float[Tensor, "direction time batch gate"],
    hidden: Float[Tensor, "direction batch hidden"],
    cell: Float[Tensor, "direction batch cell"],
    weights: LstmWeights,
    *,
    form: LstmForm,
    noise: Noise,
) -> tuple[Float[Tensor, "direction time batch hidden"], Float[Tensor, "direction time batch cell"]]:
    """Return h and c of every step, from the initial `hidden` and `cell`; `inputs` are overwritten (by the gates)."""
    tensors = inputs, hidden, cell, *vars(weights).values()
    if torch.compiler.is_compiling():
        # A schema has no type for a form, so its parts are passed one by one, the functions by name.
        sizes = form.n_blocks, form.cells_per_block, form.has_forget_gate, form.is_coupled
        functions = form.gate.name, form.candidate.name, form.output.name
        return cast(tuple[Tensor, Tensor], _OPERATOR.forward(*tensors, *noise.parts, *sizes, *functions, form.epsilon))
    fixed: dict[str, Any] = {"form": form, "noise": noise}
    return cast(tuple[Tensor, Tensor], differentiate(partial(_forward, **fixed), partial(_backward, **fixed), *tensors))


_WEIGHTS = [field.name for field in fields(LstmWeights)]


def _scan(inputs: Tensor, hidden: Tensor, cell: Tensor, *others: Any) -> tuple[Tensor, Tensor]:
    weights, others = LstmWeights(*others[: len(_WEIGHTS)]), others[len(_WEIGHTS) :]
    *noise, n_blocks, cells_per_block, has_forget_gate, is_coupled, gate, candidate, output, epsilon = others
    functions = ACTIVATIONS[gate], ACTIVATIONS[candidate], ACTIVATIONS[output]
    form = LstmForm(n_blocks, cells_per_block, has_forget_gate, is_coupled, *functions, epsilon)
    return scan_lstm(inputs, hidden, cell, weights, form=form, noise=Noise.of(*noise))


def _shapes(inputs: Tensor, hidden: Tensor, cell: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    lead = inputs.shape[:3]
    return inputs.new_empty(*lead, hidden.shape[2]), inputs.new_empty(*lead, cell.shape[2])


_OPERATOR = Operator(
    "scan_lstm",
    "Tensor inputs, Tensor hidden, Tensor cell, "
    f"Tensor {_WEIGHTS[0]}, {', '.join(f'Tensor? {name}' for name in _WEIGHTS[1:])}, {ARGUMENTS}, "
    "int n_blocks, int cells_per_block, bool has_forget_gate, bool is_coupled, "
    "str gate, str candidate, str output, float epsilon",
    _scan,
    shapes=_shapes,
    n_outputs=2,
)


def _forward(
    inputs: Tensor, hidden: Tensor, cell: Tensor, *tensors: Any, form: LstmForm, noise: Noise
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor | None, ...]]:
    lead, n_steps, n_gates, w = inputs.shape[:3], inputs.shape[1], inputs.shape[3], LstmWeights(*tensors)
    is_compiled = compiled.is_usable(inputs)
    if is_compiled:
        _check(inputs, hidden, cell, w, form=form, noise=noise)
    hiddens, cells = buffer_from(hidden, n_steps), buffer_from(cell, n_steps)
    normal: dict[str, tuple[int, ...]] = {}
    if w.gain is not None:
        normal = {"normal": (n_gates,), "normal_input": (n_gates,), "normal_cell": (form.width,)}
        normal |= {"scale": (), "input_scale": (), "cell_scale": ()}
    tape = LstmTape(
        gates=inputs,
        hidden=hiddens,
        read=noise.read_states(hiddens),
        cell=cells,
        # Without zoneout of cells the fresh cells are the cells: a view saves a tensor of their size.
        fresh=cells[:, 1:] if noise.cell_zone is None else inputs.new_empty(*lead, form.width),
        squashed=inputs.new_empty(*lead, form.width),
        **{name: inputs.new_empty(*lead, *width) for name, width in normal.items()},
    )
    if is_compiled:
        compiled.run("lstm_forward", inputs, **_fields(tape, w, form=form, noise=noise))
    else:
        fill_tape(tape, w, form=form, noise=noise)
    return (hiddens[:, 1:], cells[:, 1:]), (*tensors, *vars(tape).values())


def _check(inputs: Tensor, hidden: Tensor, cell: Tensor, w: LstmWeights, *, form: LstmForm, noise: Noise) -> None:
    """Raise ValueError for tensors that do not fit the form."""
    lead, n_directions, n_records, width = inputs.shape[:3], inputs.shape[0], inputs.shape[2], form.width
    hidden_width = width if w.projection is None else w.projection.shape[1]
    arrays: dict[str, tuple[object, tuple[int, ...]]] = {
        "inputs": (inputs, (*lead, form.gate_width)),
        "hidden": (hidden, (n_directions, n_records, hidden_width)),
        "cell": (cell, (n_directions, n_records, width)),
        "recurrent": (w.recurrent, (n_directions, form.gate_width, hidden_width)),
        "peepholes": (w.peepholes, (n_directions, form.n_input_gates + 1, width)),
        "projection": (w.projection, (n_directions, hidden_width, width)),
        **{name: (getattr(w, name), (n_directions, form.gate_width)) for name in ("gain", "input_gain", "bias")},
        **{name: (getattr(w, name), (n_directions, width)) for name in ("cell_gain", "cell_bias")},
        "noise.cell_zone": (noise.cell_zone, (*lead, width)),
    }
    check_arrays("scan_lstm", inputs, {**arrays, **noise.arrays(lead, width=hidden_width)})


def _fields(tape: LstmTape, w: LstmWeights, *, form: LstmForm, noise: Noise) -> dict[str, Any]:
    """Return the fields of the C structure that both passes read."""
    return {
        **vars(form),
        **vars(tape),
        **vars(w),
        "n_input_gates": form.n_input_gates,
        "hidden_width": tape.hidden.shape[-1],
        "fresh": None if noise.cell_zone is None else tape.fresh,  # else a view of `cell`, which C finds itself
        "mask": noise.recurrent,
        "hidden_zone": noise.hidden_zone,
        "cell_zone": noise.cell_zone,
    }


def _backward(
    saved: Sequence[Any], d_hidden: Tensor | None, d_cell: Tensor | None, *, form: LstmForm, noise: Noise
) -> tuple[Tensor | None, ...]:
    """Return the gradients of inputs, initial states and weights; `d_…` are those of the outputs, None = zero."""
    w, tape = LstmWeights(*saved[: len(_WEIGHTS)]), LstmTape(*saved[len(_WEIGHTS) :])
    d_gates = torch.empty_like(tape.gates)
    # The peepholes' gradient needs that of the gates: only without them may the gradient of the inputs overwrite it.
    is_shared = w.gain is None or w.peepholes is None
    made = LstmGradients(
        gates=d_gates,
        products=d_gates if w.gain is None else torch.empty_like(d_gates),
        inputs=d_gates if is_shared else torch.empty_like(d_gates),
        # The slice of the states is not contiguous, and C writes here as if it were.
        emitted=None if w.projection is None else torch.empty_like(tape.hidden[:, 1:]).contiguous(),
    )
    run = _unroll_compiled if compiled.is_usable(tape.gates) else unroll_tape
    d_first, d_first_cell, d_gains = run(tape, w, made, d_hidden, d_cell, form=form, noise=noise)
    # All steps in one product, after the scan: a product a step would read and write the gradient each time.
    d_weights = LstmWeights(recurrent=summed_products(made.products, tape.read[:, :-1]), **d_gains)
    d_projection = d_peepholes = None
    if made.emitted is not None:
        # Computed again instead of kept: one multiplication costs less than the memory.
        emitted = form.parts(tape.gates)[2] * form.cells(tape.squashed)
        d_projection = summed_products(made.emitted, emitted.flatten(3))
    if w.peepholes is not None:
        d_peepholes = _peephole_gradients(tape, made.gates, form=form)
    d_weights = replace(d_weights, projection=d_projection, peepholes=d_peepholes)
    return made.inputs, d_first, d_first_cell, *vars(d_weights).values()


def _unroll_compiled(
    tape: LstmTape, w: LstmWeights, made: LstmGradients, *d_outputs: Tensor | None, form: LstmForm, noise: Noise
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Fill `made`; return the gradients of the initial states, and those of gains and biases, summed over the records."""
    first = {"d_first": torch.empty_like(tape.hidden[:, 0]), "d_first_cell": torch.empty_like(tape.cell[:, 0])}
    by_record = {}
    if w.gain is not None:
        n_directions, _, n_records, n_gates = tape.gates.shape
        widths = {"gain": n_gates, "input_gain": n_gates, "bias": n_gates, "cell_gain": form.width, "cell_bias": form.width}
        by_record = {name: tape.gates.new_zeros(n_directions, n_records, width) for name, width in widths.items()}
    buffers = {f"d_{name}": values for name, values in {**vars(made), **by_record}.items()}
    given = dict(zip(("d_hidden", "d_cell"), d_outputs, strict=True))
    compiled.run("lstm_backward", tape.gates, **_fields(tape, w, form=form, noise=noise), **buffers, **given, **first)
    return first["d_first"], first["d_first_cell"], {name: values.sum(1) for name, values in by_record.items()}


def _peephole_gradients(tape: LstmTape, d_gates: Tensor, *, form: LstmForm) -> Tensor:
    d_in, _, d_out = form.parts(d_gates)
    old, fresh = form.cells(tape.cell[:, :-1]), form.cells(tape.fresh)
    rows = [(d_in[:, :, :, gate] * old).sum((1, 2)) for gate in range(form.n_input_gates)]
    return torch.stack([*rows, (d_out * fresh).sum((1, 2))], 1).flatten(2)
