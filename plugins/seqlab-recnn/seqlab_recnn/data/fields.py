"""Fields of trees: the tree that an encoder builds up, and the labels of its nodes for a head to learn."""

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
from seqlab_recnn.data.sources import Trees
from seqlab_recnn.trees.tree import Tree

PRODUCTIONS = ("none", "shape", "label", "rule")
LABELLED = ("label", "rule")
"""Those that tell labels."""
UNLABELLED = ""
"""What stands for the label of a node that has none, or whose label is not asked for."""


@final
@dataclass
class TreeField(Field):
    """The trees of records, their inner nodes with the id of their production for encoders that weigh each by its own matrix.

    `productions` is none, shape (of words or phrases, whatever their labels), label (that of the node) or rule (with those of
    its children). Those that training has less than `min_count` times share the id of none.
    """

    trees: Trees
    productions: str
    min_count: int
    known: list[str] = field(init=False, repr=False)
    """The productions with an id of their own, from 1 on."""

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.productions not in PRODUCTIONS:
            raise ConfigError(f"encoder.tree.productions is {self.productions!r}; expected one of {', '.join(PRODUCTIONS)}")
        self.column = self.trees.column

    @property
    def columns(self) -> Sequence[str]:
        """The columns that trees are read from."""
        return self.trees.columns

    def fit(self, columns: Columns) -> None:
        """Count the productions of the training records."""
        self.known = []
        if self.productions != "none":
            counts = Counter(name for tree in self.trees.read(columns) for name in self._names(tree) if name)
            self.known = [name for name, n in sorted(counts.items(), key=lambda p: (-p[1], p[0])) if n >= self.min_count]

    def encode(self, columns: Columns) -> EncodedTrees:
        """Return the trees of the records."""
        ids = {name: i for i, name in enumerate(self.known, start=TIED + 1)}
        trees = self.trees.read(columns)
        return EncodedTrees(trees, [[ids.get(name, TIED) for name in self._names(tree)] for tree in trees])

    def _names(self, tree: Tree) -> Sequence[str]:
        """Return the production of each node; empty where it has none."""
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
        """Take over the productions."""
        self.known = list(state["known"])


@final
@dataclass
class NodeLabelField(TagTargets):
    """The label of each node of a tree, in post-order, as a head over the nodes learns it.

    `nodes` says which: all, or inner (leaves are left out). Nodes that binarisation put in have no label to learn.
    `productions` is what the encoder sees of nodes (`TreeField`), of which labels must be no part.
    """

    trees: Trees
    nodes: str
    productions: str
    tags: list[str] = field(init=False, repr=False)
    is_of_record_steps = False

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.nodes not in ("all", "inner"):
            raise ConfigError(f"heads.nodes.target.nodes is {self.nodes!r}; expected all or inner")
        if self.productions in LABELLED:
            raise ConfigError(
                f"encoder.tree.productions is {self.productions!r}, so that the encoder reads the labels that heads.nodes is "
                "to learn; set encoder.tree.productions=shape, or none where the composition needs no productions"
            )
        self.column = self.trees.column

    @property
    def columns(self) -> Sequence[str]:
        """The columns that trees are read from."""
        return self.trees.columns

    def readings(self, tag: str) -> list[str]:
        """Return the label; none for a node without one."""
        return [tag] if tag else []

    def gold(self, columns: Columns) -> list[list[str]]:
        """Return the label of each node, empty for one without."""
        return [self._labels(tree) for tree in self.trees.read(columns)]

    def fit(self, columns: Columns) -> None:
        """Collect the labels, most frequent first.

        Raises: DataError when training has none.
        """
        counts = Counter(label for labels in self.gold(columns) for label in labels if label)
        if not counts:
            raise DataError(f"column {self.column!r} has no label of a node in the training records")
        self.tags = sorted(counts, key=lambda label: (-counts[label], label))

    def encode(self, columns: Columns) -> EncodedIds:
        """Return the id of every node's label; `NO_TARGET` for one without, or that training never saw."""
        ids = {label: i for i, label in enumerate(self.tags)}
        rows = self.gold(columns)
        values = np.fromiter((ids.get(label, NO_TARGET) for labels in rows for label in labels), dtype=np.int64)
        offsets = np.cumsum([0, *(len(labels) for labels in rows)])
        return EncodedIds(Ragged(values, offsets), padding=NO_TARGET, is_per_step=False)

    def _labels(self, tree: Tree) -> list[str]:
        is_asked = ~tree.is_made & (~tree.is_leaf | (self.nodes == "all"))
        return [label if asked else UNLABELLED for label, asked in zip(tree.labels, is_asked.tolist(), strict=True)]

    def state(self) -> Mapping[str, Any]:
        """Return the labels in the order of their ids."""
        return {"tags": self.tags}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take over the labels."""
        self.tags = list(state["tags"])
