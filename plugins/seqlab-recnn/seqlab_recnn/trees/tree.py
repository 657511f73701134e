"""`Tree`: nodes in post-order with their parents; leaves are words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from jaxtyping import Bool, Int


@final
@dataclass(frozen=True, eq=False)
class Tree:
    """A tree with nodes numbered in post-order: children in their order, before their parent; the root is last.

    No method recurses, so trees may have any depth. A tree without words has no nodes.

    Args:
        parents: The parent of each node; -1 for the root.
        words: The word of each leaf; -1 for inner nodes. Each word has one leaf, but crossing trees change the order.
        labels: The label of each node; empty for nodes without one.
        is_made: True for nodes added by binarisation, which have the label of their parent.
    """

    parents: Int[np.ndarray, " node"]
    words: Int[np.ndarray, " node"]
    labels: list[str]
    is_made: Bool[np.ndarray, " node"]

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.parents)

    @property
    def is_leaf(self) -> Bool[np.ndarray, " node"]:
        """True for leaves."""
        return self.words >= 0

    @property
    def n_words(self) -> int:
        """The number of leaves."""
        return int(self.is_leaf.sum())

    @cached_property
    def children(self) -> list[list[int]]:
        """The children of each node, in order."""
        found: list[list[int]] = [[] for _ in self.labels]
        for node, parent in enumerate(self.parents[:-1].tolist()):
            found[parent].append(node)
        return found

    @cached_property
    def heights(self) -> Int[np.ndarray, " node"]:
        """The number of edges from each node down to its farthest leaf."""
        heights = [0] * len(self)
        for node, parent in enumerate(self.parents[:-1].tolist()):
            heights[parent] = max(heights[parent], heights[node] + 1)
        return np.asarray(heights, dtype=np.int64)

    @cached_property
    def depths(self) -> Int[np.ndarray, " node"]:
        """The number of edges from each node up to the root."""
        depths = [0] * len(self)
        # From the root down: in post-order a parent stands after its children, so the walk runs backwards.
        for node, parent in zip(range(len(self) - 2, -1, -1), self.parents[-2::-1].tolist(), strict=True):
            depths[node] = depths[parent] + 1
        return np.asarray(depths, dtype=np.int64)

    @cached_property
    def spans(self) -> Int[np.ndarray, "node 2"]:
        """The first word below each node and the one after the last; in crossing trees some in between may be missing."""
        starts = np.where(self.is_leaf, self.words, len(self)).tolist()
        ends = (self.words + 1).tolist()
        for node, parent in enumerate(self.parents[:-1].tolist()):
            starts[parent] = min(starts[parent], starts[node])
            ends[parent] = max(ends[parent], ends[node])
        return np.asarray([starts, ends], dtype=np.int64).T

    @property
    def rules(self) -> list[str]:
        """The production of each inner node, such as `S -> NP VP`; empty for leaves."""
        labels = self.labels
        pairs = zip(labels, self.children, strict=True)
        return [f"{label} -> {' '.join(labels[child] for child in below)}" if below else "" for label, below in pairs]

    @property
    def shapes(self) -> list[str]:
        """The kinds of each inner node's children, such as `word phrase`, preceded by `made` if binarisation added the node;
        empty for leaves.
        """
        kinds = ["word" if is_leaf else "phrase" for is_leaf in self.is_leaf.tolist()]
        rows = zip(self.is_made.tolist(), self.children, strict=True)
        return [" ".join([*["made"] * is_made, *(kinds[child] for child in below)]) if below else "" for is_made, below in rows]


def from_children(
    children: Sequence[Sequence[int]], *, root: int, words: Sequence[int], labels: Sequence[str], is_made: Sequence[bool]
) -> Tree:
    """Return the tree below `root`, given the nodes in any order."""
    order = list(_post_order(children, root))
    number = {node: i for i, node in enumerate(order)}
    parents = np.full(len(order), -1, dtype=np.int64)
    for node in order:
        for child in children[node]:
            parents[number[child]] = number[node]
    return Tree(
        parents=parents,
        words=np.asarray([words[node] for node in order], dtype=np.int64),
        labels=[labels[node] for node in order],
        is_made=np.asarray([is_made[node] for node in order], dtype=bool),
    )


def no_tree() -> Tree:
    """Return the tree of a record without words."""
    none = np.zeros(0, dtype=np.int64)
    return Tree(parents=none, words=none, labels=[], is_made=np.zeros(0, dtype=bool))


def _post_order(children: Sequence[Sequence[int]], root: int) -> Iterator[int]:
    # Iterators on a stack, not recursion: a tree may be deeper than Python's limit.
    stack = [(root, iter(children[root]))]
    while stack:
        node, left = stack[-1]
        child = next(left, None)
        if child is None:
            stack.pop()
            yield node
        else:
            stack.append((child, iter(children[child])))
