"""Call the recurrences compiled from `recurrences.c` with tensors."""

from pathlib import Path

import torch
from torch import Tensor

from seqlab.functional.native import NUMBER, POINTER, POINTER_OR_REAL, REAL, Library, Structure, fields_of
from seqlab.functional.recurrence.activations import Activation

_FUNCTIONS = {"tanh": 0, "sigmoid": 1, "relu": 2, "identity": 3}
_SIZES = ("n_directions", "n_steps", "n_records", "n_threads")

_RNN = Structure(
    "Rnn",
    _SIZES,
    [
        *fields_of(NUMBER, "width", "function"),
        *fields_of(POINTER, "inputs", "hidden", "read", "recurrent", "mask"),
        *fields_of(POINTER_OR_REAL, "zone"),
        *fields_of(POINTER, "d_hidden", "fresh", "d_inputs", "d_first"),
    ],
)
_GRU = Structure(
    "Gru",
    _SIZES,
    [
        *fields_of(NUMBER, "width", "resets_after", "gate", "candidate"),
        *fields_of(POINTER, "gates", "hidden", "read", "inner", "recurrent", "bias", "mask"),
        *fields_of(POINTER_OR_REAL, "zone"),
        *fields_of(POINTER, "d_hidden", "d_all", "d_first"),
    ],
)
_LSTM = Structure(
    "Lstm",
    _SIZES,
    [
        *fields_of(NUMBER, "n_blocks", "cells_per_block", "hidden_width", "n_input_gates", "has_forget_gate", "is_coupled"),
        *fields_of(NUMBER, "gate", "candidate", "output"),
        *fields_of(REAL, "epsilon"),
        *fields_of(POINTER, "gates", "hidden", "read", "cell", "fresh", "squashed", "normal", "scale"),
        *fields_of(POINTER, "normal_input", "input_scale", "normal_cell", "cell_scale"),
        *fields_of(
            POINTER, "recurrent", "peepholes", "projection", "gain", "input_gain", "bias", "cell_gain", "cell_bias", "mask"
        ),
        *fields_of(POINTER_OR_REAL, "hidden_zone", "cell_zone"),
        *fields_of(POINTER, "d_hidden", "d_cell", "d_gates", "d_products", "d_inputs", "d_emitted", "d_first", "d_first_cell"),
        *fields_of(POINTER, "d_gain", "d_input_gain", "d_bias", "d_cell_gain", "d_cell_bias"),
    ],
)
_STRUCTURES = {"rnn": _RNN, "gru": _GRU, "lstm": _LSTM}
LIBRARY = Library(Path(__file__).with_name("recurrences.c"), work="recurrences", structures=list(_STRUCTURES.values()))


def is_usable(values: Tensor) -> bool:
    """Return whether the library takes `values`: float32 on a CPU, where the library loads."""
    return values.dtype == torch.float32 and values.device.type == "cpu" and LIBRARY.is_usable


def run(name: str, like: Tensor, /, **values: Tensor | Activation | float | None) -> None:
    """Call `seqlab_NAME` (`rnn_forward`, …) for a recurrence that is shaped like `like`, (direction time batch unit).

    `values` are the fields of the structure by name: tensors, activations and numbers; one left out is null or 0. Tensors that
    are written to must be contiguous.
    """
    plain = {key: _FUNCTIONS[value.name] if isinstance(value, Activation) else value for key, value in values.items()}
    sizes = [*like.shape[:3], torch.get_num_threads()]
    LIBRARY.run(f"seqlab_{name}", _STRUCTURES[name.split("_")[0]], sizes, plain)
