"""Sources of trees: brackets, dependency heads, or just the number of words."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
    """Base class for sources of trees. Subclasses are dataclasses, because equal `repr`s share their trees."""

    column: str

    @property
    def columns(self) -> Sequence[str]:
        """The columns that are read."""
        return (self.column,)

    def read(self, columns: Columns) -> list[Tree]:
        """Return the tree of each record; repeated calls with the same columns return the same list.

        Raises: DataError that names the record with an invalid tree.
        """
        return columns.made(repr(self), self._read)

    @abstractmethod
    def _read(self, columns: Columns) -> list[Tree]:
        """Return the tree of each record."""


@dataclass
class ShapedTrees(Trees):
    """Base class for trees whose nodes may have any number of children, with options to change their shape.

    Args:
        unary: What to do with chains of single children: `keep` them, or `join` each into one node (labelled `S+VP`).
        binarize: How to add nodes so that none has more than two children: `none`, `left`, `right` or `head` (outward from the
            head); see `seqlab_recnn.trees.shaping`.
    """

    unary: str = "join"
    binarize: str = "right"

    def __post_init__(self) -> None:
        """Check the options."""
        for name, value, known in (("unary", self.unary, UNARIES), ("binarize", self.binarize, BINARISATIONS)):
            if value not in known:
                raise ConfigError(f"encoder.tree.trees.{name} is {value!r}; expected one of {', '.join(known)}")

    def _read(self, columns: Columns) -> list[Tree]:
        return [self._shaped(tree) for tree in self._unshaped(columns)]

    @abstractmethod
    def _unshaped(self, columns: Columns) -> Iterator[Tree]:
        """Yield the trees as they are in the data."""

    def _shaped(self, tree: Tree) -> Tree:
        if not len(tree):
            return tree
        tree = joined(tree) if self.unary == "join" else tree
        return binarised(tree, direction=self.binarize, find_head=find_head)


@final
@dataclass
class BracketTrees(ShapedTrees):
    """Bracketed trees.

    Args:
        unary: See `ShapedTrees`.
        binarize: See `ShapedTrees`.
        column: Column with one bracketed tree per record.
        words: Column with the words.
        fallback: Shape of the tree of a record without one: `balanced`, `left` or `right`; None makes it an error.
    """

    column: str = "tree"
    words: str = "tokens"
    fallback: str | None = "balanced"

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        _check_shape("fallback", self.fallback)

    @property
    def columns(self) -> Sequence[str]:
        """The columns with the trees and their words."""
        return self.column, self.words

    def _unshaped(self, columns: Columns) -> Iterator[Tree]:
        _check_single(columns, self.column)
        strings = columns.strings(self.column)
        parsed = [_parsed(text) for text in strings.distinct]
        n_words = columns.strings(self.words).codes.lengths.tolist()
        for row, (code, n) in enumerate(zip(strings.codes.values.tolist(), n_words, strict=True)):
            with _located(columns, row, self.column):
                yield self._checked(parsed[code], n)

    def _checked(self, found: Tree | str | None, n_words: int) -> Tree:
        if isinstance(found, str):
            raise DataError(found)
        if found is None:
            if self.fallback is None and n_words:
                raise DataError("no tree; add one, or set encoder.tree.trees.fallback=balanced")
            return branching(n_words, shape=self.fallback or SHAPES[0])
        if found.n_words != n_words:
            raise DataError(f"the tree has {found.n_words} leaves for {n_words} words in {self.words!r}; expected one per word")
        return found


@final
@dataclass
class DependencyTrees(ShapedTrees):
    """Dependency trees, converted to constituents (see `seqlab_recnn.trees.dependencies`).

    Args:
        unary: See `ShapedTrees`.
        binarize: See `ShapedTrees`.
        column: Column with the head of each word, counted from 1; 0 is the root.
        relations: Column with the relation of each word to its head.
    """

    column: str = "heads"
    relations: str = "deprel"
    binarize: str = "head"

    @property
    def columns(self) -> Sequence[str]:
        """The columns with the heads and their relations."""
        return self.column, self.relations

    def _unshaped(self, columns: Columns) -> Iterator[Tree]:
        pairs = zip(columns.lists(self.column), columns.lists(self.relations), strict=True)
        for row, (heads, relations) in enumerate(pairs):
            with _located(columns, row, self.column):
                yield self._checked(_listed(heads, name=self.column), _listed(relations, name=self.relations))

    def _checked(self, heads: list[object], relations: list[Any]) -> Tree:
        if len(relations) != len(heads):
            raise DataError(f"{len(relations)} relations in {self.relations!r} for {len(heads)} heads; expected one per head")
        for word, relation in enumerate(relations, start=1):
            if not isinstance(relation, str):
                raise DataError(f"word {word} has relation {relation!r} in {self.relations!r}; expected a string")
        return from_heads(heads, relations)


@final
@dataclass
class BranchingTrees(Trees):
    """Binary trees of a fixed shape, for records without trees.

    Args:
        column: Column with the words.
        shape: `balanced`, `left` or `right`.
    """

    column: str = "tokens"
    shape: str = "balanced"

    def __post_init__(self) -> None:
        """Check the options."""
        _check_shape("shape", self.shape)

    def _read(self, columns: Columns) -> list[Tree]:
        return [branching(n, shape=self.shape) for n in columns.strings(self.column).codes.lengths.tolist()]


@contextmanager
def _located(columns: Columns, row: int, name: str) -> Iterator[None]:
    """Add the record and the column to the message of a DataError."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{columns.place(row)}, column {name!r}: {error}") from None


def _check_single(columns: Columns, name: str) -> None:
    kind = columns.arrow(name).type
    if len(columns) and (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        raise DataError(f"{columns.place(0)}: column {name!r} contains lists; expected one string per record")


def _listed(value: object, *, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise DataError(f"{name!r} is {value!r}; expected a list with one value per word")
    return value


def _check_shape(name: str, value: str | None) -> None:
    if value is not None and value not in SHAPES:
        raise ConfigError(f"encoder.tree.trees.{name} is {value!r}; expected one of {', '.join(SHAPES)}")


def _parsed(text: str) -> Tree | str | None:
    """Return the only tree in `text`, an error message, or None for an empty text."""
    faults: list[str] = []
    trees = [found.tree for found in parse_trees(text, fault=lambda line, what: faults.append(what))]
    if faults:
        return faults[0]
    if len(trees) > 1:
        return f"{len(trees)} trees; expected one"
    return trees[0] if trees else None
