"""Call the recurrences compiled from `recurrences.c` with tensors."""

from pathlib import Path

import torch
from torch import Tensor

from seqlab.functional.native import Library
from seqlab.functional.recurrence.activations import Activation

_FUNCTIONS = {"tanh": 0, "sigmoid": 1, "relu": 2, "identity": 3}
LIBRARY = Library(Path(__file__).with_name("recurrences.c"), work="recurrences", structures=["Rnn", "Gru", "Lstm"])


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
    LIBRARY.run(f"seqlab_{name}", name.split("_")[0].title(), sizes, plain)
