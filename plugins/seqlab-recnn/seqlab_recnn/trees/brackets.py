"""Trees as brackets: `(S (NP (DT the) (NN cat)) (VP (VBZ sleeps)))`, over as many lines as one likes.

`(NN cat)` is a leaf with a label. Words side by side, `(NP the cat)`, are leaves without labels, and so is `(_ cat)`. A bracket
that holds others may lack its label: `( (S …))`. Parsing keeps a stack of its own, so trees may be of any depth.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, final

import numpy as np

from seqlab_recnn.trees.tree import Tree

_TOKEN = re.compile(r"[()\n]|[^ \t\r\n()]+")
UNLABELLED = "_"
_ROUND = {"(": "-LRB-", ")": "-RRB-"}

Fault: TypeAlias = Callable[[int, str], None]
"""Told the line of what is wrong (from 1), and what."""


@final
@dataclass(frozen=True)
class BracketedTree:
    """A tree, and the words at its leaves as they stand in the text."""

    tree: Tree
    words: list[str]
    line: int
    """Where it begins, from 1."""


def parse_trees(text: str, *, fault: Fault) -> Iterator[BracketedTree]:
    """Yield the trees in `text`, in order; what is wrong goes to `fault`, and the tree that has it is left out."""
    parser = _Parser(fault)
    line = 1
    for token in _TOKEN.findall(text):
        if token == "\n":
            line += 1
        elif (done := parser.read(token, line)) is not None:
            yield done
    parser.end()


def to_brackets(tree: Tree, words: Sequence[str]) -> str:
    """Return `tree` on one line, round brackets of its words and labels written `-LRB-` and `-RRB-`.

    Nodes that binarisation put in have an `@` before their label. A leaf without a label that could not be told from one is
    `(_ word)`.
    """
    texts: list[str] = []
    for node, (label, below) in enumerate(zip(tree.labels, tree.children, strict=True)):
        plain = _escaped(f"@{label}" if tree.is_made[node] else label)
        if not below:
            word, is_bare = _escaped(words[tree.words[node]]), not label and _has_bare_leaves(tree, int(tree.parents[node]))
            texts.append(word if is_bare else f"({plain or UNLABELLED} {word})")
            continue
        texts[-len(below) :] = [f"({' '.join([plain, *texts[-len(below) :]]).strip()})"]
    return texts[0] if texts else ""


def _has_bare_leaves(tree: Tree, node: int) -> bool:
    return node >= 0 and bool(tree.labels[node]) and len(tree.children[node]) > 1


def _escaped(text: str) -> str:
    return text.replace("(", _ROUND["("]).replace(")", _ROUND[")"])


@dataclass
class _Opened:
    """A bracket that is still open."""

    line: int
    label: str | None = None
    word: str | None = None
    """A word that is all it holds so far: the bracket is its leaf, unless more follows."""
    children: list[int] = field(default_factory=list)


class _Builder:
    """Numbers nodes as their brackets close, which is their post-order."""

    def __init__(self) -> None:
        self.parents: list[int] = []
        self.leaf_words: list[int] = []
        self.labels: list[str] = []
        self.words: list[str] = []

    def add_leaf(self, word: str, *, label: str) -> int:
        self.words.append(word)
        return self._add(len(self.words) - 1, label)

    def add_inner(self, children: Sequence[int], *, label: str) -> int:
        node = self._add(-1, label)
        for child in children:
            self.parents[child] = node
        return node

    def _add(self, word: int, label: str) -> int:
        self.parents.append(-1)
        self.leaf_words.append(word)
        self.labels.append(label)
        return len(self.labels) - 1

    def tree(self) -> Tree:
        return Tree(
            parents=np.asarray(self.parents, dtype=np.int64),
            words=np.asarray(self.leaf_words, dtype=np.int64),
            labels=self.labels,
            is_made=np.zeros(len(self.labels), dtype=bool),
        )


class _Parser:
    """Reads bracket after bracket."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.opened: list[_Opened] = []
        self.builder = _Builder()
        self.is_sound = True
        self.follows_opening = False

    def read(self, token: str, line: int) -> BracketedTree | None:
        """Take a token; return the tree that it completes, if any."""
        follows_opening, self.follows_opening = self.follows_opening, token == "("
        if token == "(":
            self._open(line)
        elif not self.opened:
            self.fault(line, f"{token!r} stands outside all brackets; expected a tree, as (S (NP she) (VP sleeps))")
        elif token == ")":
            return self._close()
        elif follows_opening:
            self.opened[-1].label = token
        else:
            self._add_word(token)
        return None

    def end(self) -> None:
        """Tell what the text leaves open."""
        if self.opened:
            self.fault(self.opened[0].line, f"{len(self.opened)} bracket(s), the first opened here, are never closed")

    def _open(self, line: int) -> None:
        if self.opened:
            self._settle_word(self.opened[-1])
        else:
            self.builder, self.is_sound = _Builder(), True
        self.opened.append(_Opened(line))

    def _add_word(self, word: str) -> None:
        node = self.opened[-1]
        self._settle_word(node)
        if node.children:
            node.children.append(self.builder.add_leaf(word, label=""))
        else:
            node.word = word

    def _settle_word(self, node: _Opened) -> None:
        """Make a leaf of its own of a word that turns out to be one of several children."""
        if node.word is not None:
            node.children.append(self.builder.add_leaf(node.word, label=""))
            node.word = None

    def _close(self) -> BracketedTree | None:
        node = self.opened.pop()
        label = node.label or ""
        if node.word is None and not node.children:
            self.is_sound = False
            self.fault(node.line, f"({label}) holds no word; expected a word, or further brackets, after its label")
            return None
        closed = (
            self.builder.add_inner(node.children, label=label)
            if node.word is None
            else self.builder.add_leaf(node.word, label="" if label == UNLABELLED else label)
        )
        if self.opened:
            self.opened[-1].children.append(closed)
            return None
        return BracketedTree(self.builder.tree(), self.builder.words, node.line) if self.is_sound else None
