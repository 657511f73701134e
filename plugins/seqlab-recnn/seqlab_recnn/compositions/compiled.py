"""Call the functions compiled from `lstm.c` and `recursive.c` with tensors and forests (forest.h)."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from seqlab.functional.native import Library
from seqlab_recnn.data.forest import Forest

Values: TypeAlias = Mapping[str, Tensor | int | None]
_HERE = Path(__file__).parent
LSTM = Library(_HERE / "lstm.c", work="tree LSTMs", structures=["Lstm"])
RECURSIVE = Library(_HERE / "recursive.c", work="recursive networks", structures=["Recursive"])


def is_usable(library: Library, weight: Tensor, forest: Forest) -> bool:
    """Return whether the library takes `weight`: float32 on a CPU, where the library loads."""
    return weight.dtype == torch.float32 and weight.device.type == "cpu" and forest.n_rows > 0 and library.is_usable


def run(library: Library, function: str, forest: Forest, *, n_shares: int, values: Values) -> None:
    """Call `seqlab_FUNCTION`; tensors that are written to must be contiguous."""
    ends = torch.tensor(forest.level_ends)
    sizes = [forest.n_rows, forest.level_ends[0], len(ends) - 1, len(forest.children), len(forest.lengths), n_shares]
    of_forest = {"level_ends": ends, "children": forest.children, "parents": forest.parents, "owners": forest.owners}
    library.run(f"seqlab_{function}", library.structures[0], sizes, {**of_forest, **values})
