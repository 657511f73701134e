"""Calling the library with tensors. Its structures stand here as `scans.c` has them."""

import ctypes
from ctypes import byref, c_double, c_int64, c_void_p
from typing import Any

import torch
from torch import Tensor

from seqlab.recurrence.activations import Activation
from seqlab.recurrence.native.library import library

_FUNCTIONS = {"tanh": 0, "sigmoid": 1, "relu": 2, "identity": 3}


class _Size(ctypes.Structure):
    _fields_ = [(name, c_int64) for name in ("n_directions", "n_steps", "n_records", "n_threads")]


class _Zone(ctypes.Structure):
    _fields_ = [("values", c_void_p), ("everywhere", c_double)]


def _pointers(*names: str) -> list[tuple[str, Any]]:
    return [(name, c_void_p) for name in names]


def _numbers(*names: str) -> list[tuple[str, Any]]:
    return [(name, c_int64) for name in names]


class _Rnn(ctypes.Structure):
    _fields_ = [
        ("size", _Size),
        *_numbers("width", "function"),
        *_pointers("inputs", "hidden", "read", "recurrent", "mask"),
        ("zone", _Zone),
        *_pointers("d_hidden", "fresh", "d_inputs", "d_first"),
    ]


class _Gru(ctypes.Structure):
    _fields_ = [
        ("size", _Size),
        *_numbers("width", "resets_after", "gate", "candidate"),
        *_pointers("gates", "hidden", "read", "inner", "recurrent", "bias", "mask"),
        ("zone", _Zone),
        *_pointers("d_hidden", "d_all", "d_first"),
    ]


class _Lstm(ctypes.Structure):
    _fields_ = [
        ("size", _Size),
        *_numbers("n_blocks", "cells_per_block", "hidden_width", "n_input_gates", "has_forget_gate", "is_coupled"),
        *_numbers("gate", "candidate", "output"),
        ("epsilon", c_double),
        *_pointers("gates", "hidden", "read", "cell", "fresh", "squashed", "normal", "scale"),
        *_pointers("normal_input", "input_scale", "normal_cell", "cell_scale"),
        *_pointers("recurrent", "peepholes", "projection", "gain", "input_gain", "bias", "cell_gain", "cell_bias", "mask"),
        ("hidden_zone", _Zone),
        ("cell_zone", _Zone),
        *_pointers("d_hidden", "d_cell", "d_gates", "d_products", "d_inputs", "d_emitted", "d_first", "d_first_cell"),
        *_pointers("d_gain", "d_input_gain", "d_bias", "d_cell_gain", "d_cell_bias"),
    ]


_STRUCTURES: dict[str, type[ctypes.Structure]] = {"rnn": _Rnn, "gru": _Gru, "lstm": _Lstm}


def run(name: str, like: Tensor, /, **values: Tensor | Activation | float | None) -> None:
    """Call `seqlab_NAME` (`rnn_forward`, …) for a recurrence that is shaped like `like`, (direction time batch unit).

    `values` are the fields of the structure by name: tensors, activations and numbers; one left out is null or 0. Tensors that
    are written to must be contiguous; others are copied where they are not.
    """
    loaded = library()
    assert loaded is not None
    problem = _STRUCTURES[name.split("_")[0]]()
    problem.size = _Size(*like.shape[:3], torch.get_num_threads())
    kept = []  # what a pointer points to must live until the call has returned
    types = {name: kind for name, kind, *_ in problem._fields_}
    for field, value in values.items():
        if isinstance(value, Tensor):
            value = value.contiguous()
            kept.append(value)
        setattr(problem, field, _as_field(value, types[field]))
    if not getattr(loaded, f"seqlab_{name}")(byref(problem)):
        raise MemoryError(f"seqlab_{name}: no memory for {tuple(like.shape)}; use smaller batches (max_tokens)")


def _as_field(value: Tensor | Activation | float | None, kind: Any) -> Any:
    if kind is _Zone:
        return _Zone(value.data_ptr(), 0.0) if isinstance(value, Tensor) else _Zone(None, value or 0.0)
    if isinstance(value, Activation):
        return _FUNCTIONS[value.name]
    return value.data_ptr() if isinstance(value, Tensor) else value
