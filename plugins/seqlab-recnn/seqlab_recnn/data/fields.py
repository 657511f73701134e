"""Fields for trees: the tree that an encoder reads, and the node labels that a head learns."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from seqlab.data.columns import Columns, Ragged
from seqlab.data.fields import NO_TARGET, Field, TagTargets
from seqlab.data.fields.categories import EncodedIds
from seqlab.errors import ConfigError, DataError
from seqlab_recnn.data.forest import TIED, EncodedTrees
from seqlab_recnn.data.sources import BracketTrees, Trees
from seqlab_recnn.trees.tree import Tree

PRODUCTIONS = ("none", "shape", "label", "rule")
LABELLED = ("label", "rule")
"""The productions that contain node labels."""
UNLABELLED = ""
"""The label of a node that has none or whose label is not to be learned."""


@final
@dataclass
class TreeField(Field):
    """The trees of records, with the id of each inner node's production for compositions with a matrix per production.

    Args:
        trees: Where the trees come from.
        productions: How nodes are classified: `none`, `shape` (which children are words or phrases), `label` (the label of the
            node) or `rule` (its label and those of its children).
        min_count: Productions with fewer occurrences in the training data share the id of unknown ones.
    """

    trees: Trees = field(default_factory=BracketTrees)
    productions: str = "none"
    min_count: int = 20
    known: list[str] = field(init=False, repr=False, default_factory=list)
    """The productions that have their own id, in the order of the ids, which start at 1."""

    def __post_init__(self) -> None:
        """Check the options."""
        if self.productions not in PRODUCTIONS:
            raise ConfigError(f"encoder.tree.productions is {self.productions!r}; expected one of {', '.join(PRODUCTIONS)}")
        self.column = self.trees.column

    @property
    def columns(self) -> Sequence[str]:
        """The columns with the trees."""
        return self.trees.columns

    def fit(self, columns: Columns) -> None:
        """Count the productions of the training records."""
        self.known = []
        if self.productions != "none":
            counts = Counter(name for tree in self.trees.read(columns) for name in self._names(tree) if name)
            # Ties by name, so that ids do not depend on the order of the records.
            self.known = [name for name, n in sorted(counts.items(), key=lambda p: (-p[1], p[0])) if n >= self.min_count]

    def encode(self, columns: Columns) -> EncodedTrees:
        """Return the trees of the records."""
        ids = {name: i for i, name in enumerate(self.known, start=TIED + 1)}
        trees = self.trees.read(columns)
        return EncodedTrees(trees, [[ids.get(name, TIED) for name in self._names(tree)] for tree in trees])

    def _names(self, tree: Tree) -> Sequence[str]:
        """Return the production of each node; empty if it has none."""
        if self.productions == "none":
            return [""] * len(tree)
        if self.productions == "shape":
            return tree.shapes
        if self.productions == "rule":
            return tree.rules
        return ["" if is_leaf else label for label, is_leaf in zip(tree.labels, tree.is_leaf.tolist(), strict=True)]

    def state(self) -> Mapping[str, Any]:
        """Return the productions in the order of their ids."""
        return {"known": self.known}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Restore the productions."""
        self.known = list(state["known"])


@final
@dataclass
class NodeLabelField(TagTargets):
    """The label of each node of a tree, in post-order, as the target of a head. Nodes added by binarisation have no label.

    Args:
        trees: Where the trees come from; the same as in the encoder.
        nodes: `all`, or `inner` to leave out the leaves.
        productions: The productions of the encoder's `TreeField`, which must not show it the labels.
    """

    trees: Trees = field(default_factory=BracketTrees)
    nodes: str = "all"
    productions: str = "none"
    tags: list[str] = field(init=False, repr=False)
    is_of_record_steps = False

    def __post_init__(self) -> None:
        """Check the options."""
        if self.nodes not in ("all", "inner"):
            raise ConfigError(f"heads.nodes.target.nodes is {self.nodes!r}; expected all or inner")
        if self.productions in LABELLED:
            raise ConfigError(
                f"encoder.tree.productions is {self.productions!r}, which shows the encoder the labels that heads.nodes must "
                "predict; set encoder.tree.productions=shape, or none if the composition needs no productions"
            )
        self.column = self.trees.column

    @property
    def columns(self) -> Sequence[str]:
        """The columns with the trees."""
        return self.trees.columns

    def readings(self, tag: str) -> list[str]:
        """Return the label as a list; empty for a node without one."""
        return [tag] if tag else []

    def gold(self, columns: Columns) -> list[list[str]]:
        """Return the label of each node; empty for nodes without one."""
        return [self._labels(tree) for tree in self.trees.read(columns)]

    def fit(self, columns: Columns) -> None:
        """Collect the labels, most frequent first.

        Raises: DataError if the training records have none.
        """
        counts = Counter(label for labels in self.gold(columns) for label in labels if label)
        if not counts:
            raise DataError(f"column {self.column!r} has no node labels in the training records")
        self.tags = sorted(counts, key=lambda label: (-counts[label], label))

    def encode(self, columns: Columns) -> EncodedIds:
        """Return the id of each node's label; `NO_TARGET` for nodes without one and for unknown labels."""
        ids = {label: i for i, label in enumerate(self.tags)}
        rows = self.gold(columns)
        values = np.fromiter((ids.get(label, NO_TARGET) for labels in rows for label in labels), dtype=np.int64)
        offsets = np.cumsum([0, *(len(labels) for labels in rows)])
        return EncodedIds(Ragged(values, offsets), padding=NO_TARGET, is_per_step=False)

    def _labels(self, tree: Tree) -> list[str]:
        is_target = ~tree.is_made & (~tree.is_leaf | (self.nodes == "all"))
        return [label if wanted else UNLABELLED for label, wanted in zip(tree.labels, is_target.tolist(), strict=True)]

    def state(self) -> Mapping[str, Any]:
        """Return the labels in the order of their ids."""
        return {"tags": self.tags}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Restore the labels."""
        self.tags = list(state["tags"])
