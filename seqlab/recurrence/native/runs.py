"""Calling the library with tensors. Its structures stand here as `scans.c` has them.

A structure is packed as a whole: a recurrence is so short that fields set one by one would be felt.
"""

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import torch
from torch import Tensor

from seqlab.recurrence.activations import Activation
from seqlab.recurrence.native.library import library

_FUNCTIONS = {"tanh": 0, "sigmoid": 1, "relu": 2, "identity": 3}
_NUMBER, _REAL, _POINTER, _ZONE = "q", "d", "P", "Pd"


def _all(code: str, *names: str) -> list[tuple[str, str]]:
    return [(name, code) for name in names]


@final
@dataclass(frozen=True)
class _Structure:
    """Fields by name, each with its format as `struct` has it, after the sizes that all begin with."""

    fields: list[tuple[str, str]]

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.fields)

    @cached_property
    def layout(self) -> struct.Struct:
        return struct.Struct("@4q" + "".join(code for _, code in self.fields))


_RNN = _Structure(
    [
        *_all(_NUMBER, "width", "function"),
        *_all(_POINTER, "inputs", "hidden", "read", "recurrent", "mask"),
        ("zone", _ZONE),
        *_all(_POINTER, "d_hidden", "fresh", "d_inputs", "d_first"),
    ]
)
_GRU = _Structure(
    [
        *_all(_NUMBER, "width", "resets_after", "gate", "candidate"),
        *_all(_POINTER, "gates", "hidden", "read", "inner", "recurrent", "bias", "mask"),
        ("zone", _ZONE),
        *_all(_POINTER, "d_hidden", "d_all", "d_first"),
    ]
)
_LSTM = _Structure(
    [
        *_all(_NUMBER, "n_blocks", "cells_per_block", "hidden_width", "n_input_gates", "has_forget_gate", "is_coupled"),
        *_all(_NUMBER, "gate", "candidate", "output"),
        ("epsilon", _REAL),
        *_all(_POINTER, "gates", "hidden", "read", "cell", "fresh", "squashed", "normal", "scale"),
        *_all(_POINTER, "normal_input", "input_scale", "normal_cell", "cell_scale"),
        *_all(_POINTER, "recurrent", "peepholes", "projection", "gain", "input_gain", "bias", "cell_gain", "cell_bias", "mask"),
        *_all(_ZONE, "hidden_zone", "cell_zone"),
        *_all(_POINTER, "d_hidden", "d_cell", "d_gates", "d_products", "d_inputs", "d_emitted", "d_first", "d_first_cell"),
        *_all(_POINTER, "d_gain", "d_input_gain", "d_bias", "d_cell_gain", "d_cell_bias"),
    ]
)
_STRUCTURES = {"rnn": _RNN, "gru": _GRU, "lstm": _LSTM}


def run(name: str, like: Tensor, /, **values: Tensor | Activation | float | None) -> None:
    """Call `seqlab_NAME` (`rnn_forward`, …) for a recurrence that is shaped like `like`, (direction time batch unit).

    `values` are the fields of the structure by name: tensors, activations and numbers; one left out is null or 0. Tensors that
    are written to must be contiguous; others are copied where they are not.
    """
    loaded, structure = library(), _STRUCTURES[name.split("_")[0]]
    assert loaded is not None
    assert values.keys() <= structure.names, values.keys() - structure.names
    packed: list[Any] = [*like.shape[:3], torch.get_num_threads()]
    kept = []  # what a pointer points to must live until the call has returned
    for field, code in structure.fields:
        value = values.get(field)
        if isinstance(value, Tensor):
            kept.append(value.contiguous())
            packed.append(kept[-1].data_ptr())
            if code == _ZONE:
                packed.append(0.0)
        elif isinstance(value, Activation):
            packed.append(_FUNCTIONS[value.name])
        elif code == _ZONE:
            packed += (0, value or 0.0)
        else:
            packed.append(value or 0)
    if not getattr(loaded, f"seqlab_{name}")(structure.layout.pack(*packed)):
        raise MemoryError(f"seqlab_{name}: no memory for {tuple(like.shape)}; use smaller batches (max_tokens)")
