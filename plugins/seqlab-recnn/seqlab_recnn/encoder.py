"""The tree encoder, which computes the states of all trees of a batch at once."""

from collections.abc import Callable
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.encoders import Encoder
from seqlab.errors import ConfigError, DataError
from seqlab.functional.dropout import NaiveDropout
from seqlab.steps import Steps
from seqlab_recnn.compositions.base import Composition
from seqlab_recnn.compositions.lstm import ChildSumLstm
from seqlab_recnn.data.fields import TreeField
from seqlab_recnn.data.forest import EncodedTrees, Forest
from seqlab_recnn.outside import OutsidePass
from seqlab_recnn.trees.branching import branching


@final
class TreeEncoder(Encoder):
    """Encodes records along their trees, from the leaves (the input steps) to the root.

    The summary is the state of the root.

    Args:
        input_width: Features per input step.
        width: Features per node.
        tree: The field with the trees; None: that of bracketed trees in the column `tree`.
        composition: Called with `input_width` and `width`; returns the module that computes a node from its children.
        output: `nodes` returns all nodes in post-order; `leaves` returns the words.
        is_two_way: Whether to add a second pass from the root to the leaves and concatenate its vectors.
        output_drop_prob: Dropout probability of the output, from 0 to below 1.
    """

    def __init__(
        self,
        *,
        input_width: int,
        width: int = 150,
        tree: TreeField | None = None,
        composition: Callable[..., Composition] = ChildSumLstm,
        output: str = "nodes",
        is_two_way: bool = False,
        output_drop_prob: float = 0.5,
    ) -> None:
        super().__init__()
        if output not in ("nodes", "leaves"):
            raise ConfigError(f"encoder.output is {output!r}; expected nodes or leaves")
        if output == "leaves" and not is_two_way:
            raise ConfigError(
                "encoder.output is 'leaves', but without a downward pass a leaf sees only its own word; set"
                " encoder.is_two_way=true"
            )
        self.tree = TreeField() if tree is None else tree
        self.composition = composition(input_width=input_width, width=width)
        self.outside = OutsidePass(width=width) if is_two_way else None
        self.keeps_steps = output == "leaves"
        self.dropout = NaiveDropout(drop_prob=output_drop_prob)
        self.output_width = (2 if is_two_way else 1) * width
        self.summary_width = width

    def forward(self, steps: Steps, forest: Forest | None = None) -> Steps:
        """Encode the trees of a `forest` (`parse_forest`) over the steps; None: balanced trees."""
        if forest is not None:
            return self._encode(steps, forest)
        trees = [branching(n, shape="balanced") for n in steps.lengths.tolist()]
        encoded = EncodedTrees(trees, [[0] * len(tree) for tree in trees])
        return self._encode(steps, encoded.collate(torch.arange(len(trees)).numpy()).to(steps.values.device))

    def encode(self, steps: Steps, batch: Batch) -> Steps:
        """Encode the trees of the records.

        Raises: DataError if the records have no trees.
        """
        if self.tree not in batch:
            raise DataError(
                f"the records have no column {self.tree.column!r} with trees; add it, or set "
                "encoder/trees@encoder.tree.trees=branching, which needs none"
            )
        forest = batch.tensors(self.tree)
        assert isinstance(forest, Forest), type(forest)
        return self._encode(steps, forest)

    def _encode(self, steps: Steps, forest: Forest) -> Steps:
        self.composition.check(forest.arity)
        inside = self._inside(steps, forest)
        rows = inside if self.outside is None else torch.cat([inside, self.outside(inside, forest)], 1)
        padded = nn.functional.pad(rows, (0, 0, 0, 1))  # the index of padding is `n_rows`, so it reads these zeros
        summary = self.dropout(padded[_root_rows(forest), : self.summary_width].unsqueeze(1)).squeeze(1)
        if self.keeps_steps:
            values = padded[forest.leaf_rows[:, : steps.values.shape[1]]]
            return steps.with_values(self.dropout(values), summary=summary, state=None)
        return Steps(self.dropout(padded[forest.rows]), forest.lengths, summary=summary, covers=forest.covers)

    def _inside(self, steps: Steps, forest: Forest) -> Float[Tensor, "row unit"]:
        places = forest.records * steps.values.shape[1] + forest.words
        states: Tensor = self.composition(steps.values.flatten(0, 1).index_select(0, places), forest)
        return states[:, : self.composition.width]


def _root_rows(forest: Forest) -> Tensor:
    """Return the row of each record's root (its last node in post-order); the row of padding if the record is empty."""
    last = (forest.lengths - 1).clamp(min=0)
    rows = forest.rows.gather(1, last.unsqueeze(1)).squeeze(1)
    return torch.where(forest.lengths > 0, rows, forest.n_rows)
