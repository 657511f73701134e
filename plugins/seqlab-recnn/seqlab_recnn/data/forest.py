"""The trees of a batch as one forest, sorted by height so that all nodes of a level are computed at once."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple, final

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from seqlab.data.columns import Ragged
from seqlab.data.fields import EncodedColumn
from seqlab_recnn.trees.tree import Tree

TIED = 0
"""The production id of nodes that use the common weights: leaves, and rare or unknown productions."""


class Group(NamedTuple):
    """The nodes of a level that have the same production, and the edges to their children."""

    production: int
    nodes: slice
    """Counted within the level."""
    edges: slice
    """Counted within the level."""


@final
@dataclass(frozen=True)
class Level:
    """The nodes of one height above 0, which follow all lower nodes in the forest."""

    nodes: slice
    """The rows of the nodes in the forest."""
    edges: slice
    """The edges to their children, counted over the forest."""
    children: Int[Tensor, " edge"]
    """The row of each child, parent by parent, in the order of the children."""
    parents: Int[Tensor, " edge"]
    """The parent of each child, counted within the level."""
    places: Int[Tensor, " edge"]
    """The position of each child among its siblings, from 0."""
    arity: tuple[int, int]
    """The smallest and largest number of children of a node."""
    groups: Sequence[Group]
    """The nodes by production."""

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        n_nodes: int = self.nodes.stop - self.nodes.start
        return n_nodes

    def part(self, group: Group) -> "Level":
        """Return a level with only the nodes of `group`."""
        edges = group.edges
        return replace(
            self,
            nodes=slice(self.nodes.start + group.nodes.start, self.nodes.start + group.nodes.stop),
            edges=slice(self.edges.start + edges.start, self.edges.start + edges.stop),
            children=self.children[edges],
            parents=self.parents[edges] - group.nodes.start,
            places=self.places[edges],
            groups=(),
        )


@final
@dataclass(frozen=True)
class Downward:
    """The rows of a forest sorted by depth, roots first."""

    ends: Sequence[int]
    """The number of rows down to and including each depth."""
    reads: Sequence[Int[Tensor, " _"]]
    """For each depth from 1 on, the positions of its rows' parents in this order."""
    edges: Int[Tensor, " edge"]
    """The edge above each row, without the roots."""
    places: Int[Tensor, " row"]
    """The position of each row of the forest in this order."""


@final
@dataclass(frozen=True)
class Forest:
    """The trees of a batch. Rows (nodes) are sorted by height, and by production within a height."""

    records: Int[Tensor, " leaf"]
    """The record of each leaf; leaves are the first rows."""
    words: Int[Tensor, " leaf"]
    """The word of each leaf."""
    owners: Int[Tensor, " row"]
    """The record of each row."""
    productions: Int[Tensor, " row"]
    """The production id of each row."""
    children: Int[Tensor, " edge"]
    """The row of each edge's child."""
    parents: Int[Tensor, " edge"]
    """The row of each edge's parent."""
    places: Int[Tensor, " edge"]
    """The position of each edge's child among its siblings, from 0."""
    rows: Int[Tensor, "batch node"]
    """The row of each record's nodes in post-order; padding is the number of rows."""
    leaf_rows: Int[Tensor, "batch word"]
    """The row of each word's leaf; padding is the number of rows."""
    covers: Int[Tensor, "batch node 2"]
    """The first word below each node and the one after the last; padding is 0."""
    lengths: Int[Tensor, " batch"]
    """The number of nodes of each record."""
    depths: Int[Tensor, " row"]
    """The number of edges from each row up to its root."""
    depth_ends: tuple[int, ...]
    """The number of rows down to and including each depth."""
    level_ends: tuple[int, ...]
    """The number of rows up to and including each height."""
    edge_ends: tuple[int, ...]
    """The number of edges up to and including each height; 0 for height 0."""
    arities: tuple[tuple[int, int], ...]
    """The smallest and largest number of children of a node, by height."""
    groups: tuple[tuple[Group, ...], ...]
    """The groups of nodes with the same production, by height."""

    def to(self, device: torch.device) -> "Forest":
        """Return a copy on `device`."""
        tensors: dict[str, Any] = {
            f.name: value.to(device) for f in fields(self) if isinstance(value := getattr(self, f.name), Tensor)
        }
        return replace(self, **tensors)

    @property
    def n_rows(self) -> int:
        """The number of nodes of all records."""
        return self.level_ends[-1]

    @property
    def arity(self) -> tuple[int, int]:
        """The smallest and largest number of children of an inner node; zeros if there is none."""
        inner = self.arities[1:]
        return (min(low for low, _ in inner), max(high for _, high in inner)) if inner else (0, 0)

    @cached_property
    def downward(self) -> Downward:
        """The rows in the order of a pass from the roots down."""
        # Stable, so that rows of one depth keep their order and the result is the same on every device.
        order = torch.argsort(self.depths, stable=True)
        places = torch.empty_like(order)
        places[order] = torch.arange(len(order), device=order.device)
        edges = torch.empty_like(order)
        edges[self.children] = torch.arange(len(self.children), device=order.device)
        below = edges[order[self.depth_ends[0] :]]
        parents = places[self.parents[below]]
        sizes = [end - start for start, end in pairwise(self.depth_ends)]
        return Downward(self.depth_ends, parents.split(sizes) if sizes else (), below, places)

    def levels(self) -> list[Level]:
        """Return the levels above the leaves, lowest first."""
        found = []
        heights = zip(pairwise(self.level_ends), pairwise(self.edge_ends), self.arities[1:], self.groups[1:], strict=True)
        for (start, end), (first, last), arity, groups in heights:
            edges = slice(first, last)
            parents = self.parents[edges] - start
            found.append(Level(slice(start, end), edges, self.children[edges], parents, self.places[edges], arity, groups))
        return found


@final
class EncodedTrees(EncodedColumn):
    """The trees of all records as flat arrays of nodes, so that forests are built without a loop over nodes.

    Args:
        trees: The tree of each record.
        productions: For each record, the production id of each node.
    """

    def __init__(self, trees: Sequence[Tree], productions: Sequence[Sequence[int]]) -> None:
        offsets = np.cumsum([0, *(len(tree) for tree in trees)])

        def flat(columns: Sequence[Any], dtype: type = np.int64) -> Ragged:
            joint = np.concatenate([np.asarray(column, dtype=dtype) for column in columns]) if columns else np.zeros(0, dtype)
            return Ragged(joint, offsets)

        self.parents = flat([tree.parents for tree in trees])
        self.words = flat([tree.words for tree in trees])
        self.heights = flat([tree.heights for tree in trees])
        self.depths = flat([tree.depths for tree in trees])
        self.productions = flat(productions)
        self.starts = flat([tree.spans[:, 0] for tree in trees])
        self.ends = flat([tree.spans[:, 1] for tree in trees])
        self.lengths = self.n_words = np.asarray([tree.n_words for tree in trees], dtype=np.int64)

    def collate(self, rows: Int[np.ndarray, " batch"]) -> Forest:
        """Return the forest of `rows`."""
        sizes = self.parents.lengths[rows]
        index = _joint_index(self.parents.offsets[rows], sizes)
        firsts = np.repeat(np.cumsum(sizes) - sizes, sizes)
        records = np.repeat(np.arange(len(rows)), sizes)
        heights, productions = self.heights.values[index], self.productions.values[index]
        order = np.lexsort((productions, heights))  # by height first: the last key of lexsort counts most
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        local_parents, words = self.parents.values[index], self.words.values[index]
        # Roots have the parent -1, and no edge above them.
        has_parent = local_parents >= 0
        edges = _Edges.of(rank[(local_parents + firsts)[has_parent]], rank[has_parent])
        # Inner nodes have the word -1.
        is_leaf = words[order] >= 0
        depths = self.depths.values[index][order]
        level_ends = np.cumsum(np.bincount(heights, minlength=1))
        return Forest(
            records=torch.from_numpy(records[order][is_leaf]),
            words=torch.from_numpy(words[order][is_leaf]),
            owners=torch.from_numpy(records[order]),
            productions=torch.from_numpy(productions[order]),
            children=torch.from_numpy(edges.children),
            parents=torch.from_numpy(edges.parents),
            places=torch.from_numpy(edges.places),
            rows=torch.from_numpy(_laid_out(rank, sizes, padding=len(rank))),
            leaf_rows=torch.from_numpy(_by_word(rank, records, words, self.n_words[rows])),
            covers=torch.from_numpy(
                np.stack([_laid_out(column.values[index], sizes, padding=0) for column in (self.starts, self.ends)], axis=2)
            ),
            lengths=torch.from_numpy(sizes),
            depths=torch.from_numpy(depths),
            depth_ends=tuple(np.cumsum(np.bincount(depths, minlength=1)).tolist()),
            level_ends=tuple(level_ends.tolist()),
            edge_ends=tuple(np.searchsorted(edges.parents, level_ends).tolist()),
            arities=edges.arities(level_ends),
            groups=edges.groups(productions[order], level_ends),
        )


class _Edges(NamedTuple):
    """Edges sorted by the row of their parent, then by the order of the children."""

    children: np.ndarray
    parents: np.ndarray
    places: np.ndarray
    firsts: np.ndarray
    """The first edge of each row, followed by the number of edges."""

    @classmethod
    def of(cls, parents: np.ndarray, children: np.ndarray) -> "_Edges":
        order = np.argsort(parents, kind="stable")  # stable, so siblings stay in post-order, which is their order
        parents, children = parents[order], children[order]
        n_rows = max(int(parents.max(initial=-1)), int(children.max(initial=-1))) + 1
        firsts = np.searchsorted(parents, np.arange(n_rows + 1))
        return cls(children, parents, np.arange(len(parents)) - firsts[parents], firsts)

    def arities(self, level_ends: np.ndarray) -> tuple[tuple[int, int], ...]:
        counts = np.diff(self.firsts)
        levels = np.split(counts, level_ends[:-1])
        return tuple((int(level.min(initial=len(counts))), int(level.max(initial=0))) for level in levels)

    def groups(self, productions: np.ndarray, level_ends: np.ndarray) -> tuple[tuple[Group, ...], ...]:
        """Return the groups of rows with the same production within each level."""
        starts = [0, *level_ends[:-1].tolist()]
        changes = np.flatnonzero(np.diff(productions)) + 1
        found = []
        for start, end in zip(starts, level_ends.tolist(), strict=True):
            cuts = [start, *changes[(changes > start) & (changes < end)].tolist(), end]
            found.append(tuple(self._group(productions, a, b, start) for a, b in pairwise(cuts) if b > a))
        return tuple(found)

    def _group(self, productions: np.ndarray, first: int, end: int, start: int) -> Group:
        if len(self.firsts) == 1:  # all trees are single leaves, so there are no edges
            return Group(int(productions[first]), slice(first - start, end - start), slice(0, 0))
        origin, begin, stop = (int(self.firsts[row]) for row in (start, first, end))
        return Group(int(productions[first]), slice(first - start, end - start), slice(begin - origin, stop - origin))


def _joint_index(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the indices of all elements of rows that start at `starts`, one row after the other."""
    within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    index: np.ndarray = np.repeat(starts, sizes) + within
    return index


def _laid_out(values: np.ndarray, sizes: np.ndarray, *, padding: int) -> np.ndarray:
    """Return consecutive rows of values as a padded matrix with at least one column."""
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    return Ragged(values, offsets).padded(np.arange(len(sizes)), padding=padding)


def _by_word(rank: np.ndarray, records: np.ndarray, words: np.ndarray, n_words: np.ndarray) -> np.ndarray:
    found = np.full((len(n_words), max(1, int(n_words.max(initial=0)))), len(rank))
    is_leaf = words >= 0
    found[records[is_leaf], words[is_leaf]] = rank[is_leaf]
    return found
