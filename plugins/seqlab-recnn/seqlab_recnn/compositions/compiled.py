"""Calling what `lstm.c` and `recursive.c` compile to with tensors. Forests stand here as `forest.h` has them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from seqlab.functional.native import NUMBER, POINTER, Library, Structure, fields_of
from seqlab_recnn.data.forest import Forest

_HERE = Path(__file__).parent
LSTM, RECURSIVE = Library(_HERE / "lstm.c"), Library(_HERE / "recursive.c")
Values: TypeAlias = Mapping[str, Tensor | int | None]
_N_SIZES = 6
_FOREST = fields_of(POINTER, "level_ends", "children", "parents", "owners")


def structure(numbers: tuple[str, ...], pointers: tuple[str, ...]) -> Structure:
    """Return a structure that begins with a forest."""
    return Structure(_N_SIZES, [*_FOREST, *fields_of(NUMBER, *numbers), *fields_of(POINTER, *pointers)])


def is_usable(library: Library, weight: Tensor, forest: Forest) -> bool:
    """Return whether the library takes `weight`: float32 on a CPU, where the library could be made."""
    return weight.dtype == torch.float32 and weight.device.type == "cpu" and forest.n_rows > 0 and library.is_usable


def run(library: Library, function: str, layout: Structure, forest: Forest, *, n_shares: int, values: Values) -> None:
    """Call `seqlab_FUNCTION`; tensors that are written to must be contiguous."""
    ends = torch.tensor(forest.level_ends)
    sizes = [forest.n_rows, forest.level_ends[0], len(ends) - 1, len(forest.children), len(forest.lengths), n_shares]
    of_forest = {"level_ends": ends, "children": forest.children, "parents": forest.parents, "owners": forest.owners}
    packed, _kept = layout.pack(sizes, {**of_forest, **values})
    library.call(f"seqlab_{function}", packed)
