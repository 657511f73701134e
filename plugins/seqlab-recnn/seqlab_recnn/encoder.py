"""The tree encoder: states of all nodes of all trees of a batch at once."""

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
from seqlab_recnn.data.fields import TreeField
from seqlab_recnn.data.forest import EncodedTrees, Forest
from seqlab_recnn.outside import OutsidePass
from seqlab_recnn.trees.branching import branching


@final
class TreeEncoder(Encoder):
    """Encodes the trees of records from the leaves, whose vectors are the steps that it reads, to the root.

    `composition` makes a node's state from those of its children. `output` is nodes (steps are the nodes in post-order) or
    leaves (steps are the words). With `is_two_way` an outside vector, from the root down, stands beside the inside vector of
    each node. The summary is the root's inside vector.

    Called without records, it takes their trees to be balanced.
    """

    def __init__(
        self,
        *,
        input_width: int,
        width: int,
        tree: TreeField,
        composition: Callable[..., Composition],
        output: str,
        is_two_way: bool,
        output_drop_prob: float,
    ) -> None:
        super().__init__()
        if output not in ("nodes", "leaves"):
            raise ConfigError(f"encoder.output is {output!r}; expected nodes or leaves")
        if output == "leaves" and not is_two_way:
            raise ConfigError("encoder.output is 'leaves', which see nothing but their word; set encoder.is_two_way=true")
        self.tree = tree
        self.composition = composition(input_width=input_width, width=width)
        self.outside = OutsidePass(width=width) if is_two_way else None
        self.keeps_steps = output == "leaves"
        self.dropout = NaiveDropout(drop_prob=output_drop_prob)
        self.output_width = (2 if is_two_way else 1) * width
        self.summary_width = width

    def forward(self, steps: Steps) -> Steps:
        """Return the nodes of balanced trees over the steps."""
        trees = [branching(n, shape="balanced") for n in steps.lengths.tolist()]
        encoded = EncodedTrees(trees, [[0] * len(tree) for tree in trees])
        forest = encoded.collate(torch.arange(len(trees)).numpy()).to(steps.values.device)
        return self._encode(steps, forest)

    def encode(self, steps: Steps, batch: Batch) -> Steps:
        """Return the nodes of the records' trees.

        Raises: DataError where the records have no tree, and the one that says so in its column.
        """
        if self.tree not in batch:
            raise DataError(
                f"the records have no column {self.tree.column!r}, from which the encoder reads trees; "
                "encoder/trees@encoder.tree.trees=branching needs none"
            )
        forest = batch.tensors(self.tree)
        assert isinstance(forest, Forest), type(forest)
        return self._encode(steps, forest)

    def _encode(self, steps: Steps, forest: Forest) -> Steps:
        self.composition.check(forest.arity)
        inside = self._inside(steps, forest)
        rows = inside if self.outside is None else torch.cat([inside, self.outside(inside, forest)], 1)
        padded = nn.functional.pad(rows, (0, 0, 0, 1))  # a last row of zeros, for padding
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
    """Return the row of each record's root; that of padding for a record without words."""
    last = (forest.lengths - 1).clamp(min=0)
    rows = forest.rows.gather(1, last.unsqueeze(1)).squeeze(1)
    return torch.where(forest.lengths > 0, rows, forest.n_rows)
