"""Where the trees of records come from: brackets, heads of words, or nothing but the number of words."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import pyarrow as pa

from seqlab.data.columns import Columns
from seqlab.errors import ConfigError, DataError
from seqlab_recnn.trees.brackets import parse_trees
from seqlab_recnn.trees.branching import SHAPES, branching
from seqlab_recnn.trees.dependencies import from_heads
from seqlab_recnn.trees.heads import find_head
from seqlab_recnn.trees.shaping import BINARISATIONS, UNARIES, binarised, joined
from seqlab_recnn.trees.tree import Tree


class Trees(ABC):
    """The trees of records, in the shape that an encoder reads; equal settings print alike."""

    column: str

    @property
    def columns(self) -> Sequence[str]:
        """The columns that it reads."""
        return (self.column,)

    def read(self, columns: Columns) -> list[Tree]:
        """Return the tree of each record, read once from the same columns.

        Raises: DataError naming the record whose tree is none.
        """
        return columns.made(repr(self), self._read)

    @abstractmethod
    def _read(self, columns: Columns) -> list[Tree]:
        """Return the tree of each record."""


@dataclass
class ShapedTrees(Trees):
    """Trees that may have nodes of any number of children, until they are shaped.

    `unary` says what becomes of chains of single children: keep, or join (one node labelled `S+VP`). `binarize` puts in nodes
    until none has more than two children: none, left, right, or head (outward from the head; `seqlab_recnn.trees.shaping`).
    """

    unary: str
    binarize: str

    def __post_init__(self) -> None:
        """Check the settings."""
        for name, value, known in (("unary", self.unary, UNARIES), ("binarize", self.binarize, BINARISATIONS)):
            if value not in known:
                raise ConfigError(f"encoder.tree.trees.{name} is {value!r}; expected one of {', '.join(known)}")

    def _read(self, columns: Columns) -> list[Tree]:
        return [self._shaped(tree) for tree in self._written(columns)]

    @abstractmethod
    def _written(self, columns: Columns) -> list[Tree]:
        """Return the trees as they are written."""

    def _shaped(self, tree: Tree) -> Tree:
        if not len(tree):
            return tree
        tree = joined(tree) if self.unary == "join" else tree
        return binarised(tree, direction=self.binarize, find_head=find_head)


@final
@dataclass
class BracketTrees(ShapedTrees):
    """Trees in brackets in `column`.

    A record whose column is empty gets a tree of shape `fallback` (balanced, left, right) over the words in column `words`;
    null: it is an error.
    """

    column: str
    words: str
    fallback: str | None

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        _check_shape("fallback", self.fallback)

    @property
    def columns(self) -> Sequence[str]:
        """The trees and their words."""
        return self.column, self.words

    def _written(self, columns: Columns) -> list[Tree]:
        _check_single(columns, self.column)
        strings = columns.strings(self.column)
        parsed = [_parsed(text) for text in strings.distinct]
        n_words = columns.strings(self.words).codes.lengths.tolist()
        codes = strings.codes.values.tolist()
        return [self._tree(parsed[code], n, columns, row) for row, (code, n) in enumerate(zip(codes, n_words, strict=True))]

    def _tree(self, found: Tree | str | None, n_words: int, columns: Columns, row: int) -> Tree:
        try:
            return self._checked(found, n_words)
        except DataError as error:
            raise DataError(f"{columns.place(row)}, column {self.column!r}: {error}") from None

    def _checked(self, found: Tree | str | None, n_words: int) -> Tree:
        if isinstance(found, str):
            raise DataError(found)
        if found is None:
            if self.fallback is None and n_words:
                raise DataError("no tree; give one, or set encoder.tree.trees.fallback=balanced")
            return branching(n_words, shape=self.fallback or SHAPES[0])
        if found.n_words != n_words:
            raise DataError(f"the tree has {found.n_words} leaves for {n_words} words in {self.words!r}; expected as many")
        return found


@final
@dataclass
class DependencyTrees(ShapedTrees):
    """Dependency trees: heads in `column` (from 1, 0 = root), relations in `relations`; as constituents
    (`trees.dependencies`).
    """

    column: str
    relations: str

    @property
    def columns(self) -> Sequence[str]:
        """The heads and their relations."""
        return self.column, self.relations

    def _written(self, columns: Columns) -> list[Tree]:
        pairs = zip(columns.lists(self.column), columns.lists(self.relations), strict=True)
        return [self._tree(heads, relations, columns, row) for row, (heads, relations) in enumerate(pairs)]

    def _tree(self, heads: object, relations: object, columns: Columns, row: int) -> Tree:
        try:
            return self._checked(_listed(heads, name=self.column), _listed(relations, name=self.relations))
        except DataError as error:
            raise DataError(f"{columns.place(row)}, column {self.column!r}: {error}") from None

    def _checked(self, heads: list[object], relations: list[Any]) -> Tree:
        if len(relations) != len(heads):
            raise DataError(f"{len(relations)} relations in {self.relations!r} for {len(heads)} heads; expected as many")
        for word, relation in enumerate(relations, start=1):
            if not isinstance(relation, str):
                raise DataError(f"word {word} has relation {relation!r} in {self.relations!r}; expected a string")
        return from_heads(heads, relations)


@final
@dataclass
class BranchingTrees(Trees):
    """Binary trees of one `shape` (balanced, left, right) over the words in `column`, for records that have none."""

    column: str
    shape: str

    def __post_init__(self) -> None:
        """Check the settings."""
        _check_shape("shape", self.shape)

    def _read(self, columns: Columns) -> list[Tree]:
        return [branching(n, shape=self.shape) for n in columns.strings(self.column).codes.lengths.tolist()]


def _check_single(columns: Columns, name: str) -> None:
    kind = columns.arrow(name).type
    if len(columns) and (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        raise DataError(f"{columns.place(0)}: column {name!r} holds lists; expected a string a record")


def _listed(given: object, *, name: str) -> list[Any]:
    if not isinstance(given, list):
        raise DataError(f"{name!r} is {given!r}; expected a list, with a value for each word")
    return given


def _check_shape(name: str, value: str | None) -> None:
    if value is not None and value not in SHAPES:
        raise ConfigError(f"encoder.tree.trees.{name} is {value!r}; expected one of {', '.join(SHAPES)}")


def _parsed(text: str) -> Tree | str | None:
    """Return the one tree in `text`, what is wrong with it, or None where it is empty."""
    faults: list[str] = []
    trees = [found.tree for found in parse_trees(text, fault=lambda line, what: faults.append(what))]
    if faults:
        return faults[0]
    if len(trees) > 1:
        return f"{len(trees)} trees; expected one"
    return trees[0] if trees else None
