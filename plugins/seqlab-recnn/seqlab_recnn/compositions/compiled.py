"""Call the functions compiled from `lstm.c` and `recursive.c` with tensors and forests (forest.h)."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from seqlab.functional.native import NUMBER, POINTER, Library, Structure, fields_of
from seqlab_recnn.data.forest import Forest

Values: TypeAlias = Mapping[str, Tensor | int | None]
_HERE = Path(__file__).parent
_SIZES = ("n_rows", "n_leaves", "n_levels", "n_edges", "n_records", "n_shares")
_FOREST = fields_of(POINTER, "level_ends", "children", "parents", "owners")

_LSTM = Structure(
    "Lstm",
    _SIZES,
    [
        *_FOREST,
        *fields_of(NUMBER, "width", "n_places"),
        *fields_of(POINTER, "leaves", "states", "squashed", "seen", "gates", "reads", "forget"),
        *fields_of(POINTER, "joint", "joint_bias", "own", "own_bias", "mask"),
        *fields_of(POINTER, "d_states", "d_leaves", "d_gates", "d_forget"),
    ],
)
_RECURSIVE = Structure(
    "Recursive",
    _SIZES,
    [
        *_FOREST,
        *fields_of(NUMBER, "width", "n_places", "function", "n_kinds"),
        *fields_of(POINTER, "states", "seen", "values", "kinds", "productions", "weights", "biases", "mask"),
        *fields_of(POINTER, "d_states", "d_values"),
    ],
)
LSTM = Library(_HERE / "lstm.c", work="tree LSTMs", structures=[_LSTM])
RECURSIVE = Library(_HERE / "recursive.c", work="recursive networks", structures=[_RECURSIVE])


def is_usable(library: Library, weight: Tensor, forest: Forest) -> bool:
    """Return whether the library takes `weight`: float32 on a CPU, where the library loads."""
    return weight.dtype == torch.float32 and weight.device.type == "cpu" and forest.n_rows > 0 and library.is_usable


def run(library: Library, function: str, forest: Forest, *, n_shares: int, values: Values) -> None:
    """Call `seqlab_FUNCTION`; tensors that are written to must be contiguous."""
    ends = torch.tensor(forest.level_ends)
    sizes = [forest.n_rows, forest.level_ends[0], len(ends) - 1, len(forest.children), len(forest.lengths), n_shares]
    of_forest = {"level_ends": ends, "children": forest.children, "parents": forest.parents, "owners": forest.owners}
    library.run(f"seqlab_{function}", library.structures[0], sizes, {**of_forest, **values})
