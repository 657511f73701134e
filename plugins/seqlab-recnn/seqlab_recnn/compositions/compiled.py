"""Call the functions compiled from `lstm.c` and `recursive.c` with tensors and forests (forest.h)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from seqlab.functional.native import Library
from seqlab_recnn.data.forest import Forest

Values: TypeAlias = Mapping[str, Tensor | int | None]
_HERE = Path(__file__).parent
LSTM = Library(_HERE / "lstm.c", work="tree LSTMs", structures=["Lstm"])
RECURSIVE = Library(_HERE / "recursive.c", work="recursive networks", structures=["Recursive"])


ROWS = "Tensor children, Tensor parents, Tensor owners, Tensor lengths, Tensor productions, int[] level_ends"
"""The parts of `Rows` in the schema of an operator."""


class Rows(NamedTuple):
    """The parts of a forest that the compiled functions read."""

    children: Tensor
    parents: Tensor
    owners: Tensor
    lengths: Tensor
    productions: Tensor
    level_ends: Sequence[int]

    @classmethod
    def of(cls, forest: Forest) -> "Rows":
        """Return those of a forest."""
        return cls(forest.children, forest.parents, forest.owners, forest.lengths, forest.productions, forest.level_ends)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.level_ends[-1]


def is_usable(library: Library, weight: Tensor, forest: Forest) -> bool:
    """Return whether the library takes `weight`: float32 on a CPU, where the library loads."""
    return weight.dtype == torch.float32 and weight.device.type == "cpu" and forest.n_rows > 0 and _loads(library)


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]  # torch's decorator is untyped
def _loads(library: Library) -> bool:
    return library.is_usable


def run(library: Library, function: str, forest: Rows, *, n_shares: int, values: Values) -> None:
    """Call `seqlab_FUNCTION`; tensors that are written to must be contiguous."""
    ends = torch.tensor(forest.level_ends)
    sizes = [forest.n_rows, forest.level_ends[0], len(ends) - 1, len(forest.children), len(forest.lengths), n_shares]
    of_forest = {"level_ends": ends, "children": forest.children, "parents": forest.parents, "owners": forest.owners}
    library.run(f"seqlab_{function}", library.structures[0], sizes, {**of_forest, **values})
