"""Read and write bracketed trees such as `(S (NP (DT the) (NN cat)) (VP (VBZ sleeps)))`, which may span several lines.

`(NN cat)` is a leaf with a label. The words of `(NP the cat)` are leaves without labels, and so is `(_ cat)`. A bracket that
contains others may have no label: `( (S …))`. The parser does not recurse, so trees may have any depth.
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
"""Called with the line of a mistake (from 1) and its description."""


@final
@dataclass(frozen=True)
class BracketedTree:
    """A tree with the words of its leaves."""

    tree: Tree
    words: list[str]
    line: int
    """The line where it starts, from 1."""


def parse_trees(text: str, *, fault: Fault) -> Iterator[BracketedTree]:
    """Yield the trees in `text`; mistakes are passed to `fault`, and trees with mistakes are skipped."""
    parser = _Parser(fault)
    line = 1
    for token in _TOKEN.findall(text):
        if token == "\n":
            line += 1
        elif (done := parser.read(token, line)) is not None:
            yield done
    parser.end()


def to_brackets(tree: Tree, words: Sequence[str]) -> str:
    """Write `tree` on one line, with `-LRB-` and `-RRB-` for brackets in words and labels.

    Nodes added by binarisation have an `@` before their label. A leaf without a label is written `(_ word)` if the bare word
    could be read as a label.
    """
    texts: list[str] = []
    for node, (label, below) in enumerate(zip(tree.labels, tree.children, strict=True)):
        plain = _escaped(f"@{label}" if tree.is_made[node] else label)
        if not below:
            word, is_bare = _escaped(words[tree.words[node]]), not label and _has_bare_leaves(tree, int(tree.parents[node]))
            texts.append(word if is_bare else f"({plain or UNLABELLED} {word})")
            continue
        # In post-order the texts of the children are the last ones, in their order.
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
    """The only word read so far: the bracket becomes its leaf unless more children follow."""
    children: list[int] = field(default_factory=list)


class _Builder:
    """Numbers nodes when their brackets close, which is post-order."""

    def __init__(self) -> None:
        self.parents: list[int] = []
        self.leaf_words: list[int] = []
        self.labels: list[str] = []
        self.words: list[str] = []

    def add(self, label: str, *, word: str | None = None, children: Sequence[int] = ()) -> int:
        """Add a leaf with a word, or the parent of `children`; return its number."""
        node = len(self.labels)
        self.labels.append(label)
        self.parents.append(-1)
        self.leaf_words.append(-1 if word is None else len(self.words))
        if word is not None:
            self.words.append(word)
        for child in children:
            self.parents[child] = node
        return node

    def tree(self) -> Tree:
        return Tree(
            parents=np.asarray(self.parents, dtype=np.int64),
            words=np.asarray(self.leaf_words, dtype=np.int64),
            labels=self.labels,
            is_made=np.zeros(len(self.labels), dtype=bool),
        )


class _Parser:
    """Builds trees token by token."""

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
            self.fault(line, f"{token!r} is outside all brackets; expected a tree, as in (S (NP she) (VP sleeps))")
        elif token == ")":
            return self._close()
        elif follows_opening:
            self.opened[-1].label = token
        else:
            self._add_word(token)
        return None

    def end(self) -> None:
        """Report brackets that are still open at the end of the text."""
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
            node.children.append(self.builder.add("", word=word))
        else:
            node.word = word

    def _settle_word(self, node: _Opened) -> None:
        """Turn the word of a bracket into a separate leaf, because more children follow."""
        if node.word is not None:
            node.children.append(self.builder.add("", word=node.word))
            node.word = None

    def _close(self) -> BracketedTree | None:
        node = self.opened.pop()
        label = node.label or ""
        if node.word is None and not node.children:
            self.is_sound = False
            self.fault(node.line, f"({label}) contains no word; expected a word or more brackets after the label")
            return None
        is_bare = node.word is not None and label == UNLABELLED
        closed = self.builder.add("" if is_bare else label, word=node.word, children=node.children)
        if self.opened:
            self.opened[-1].children.append(closed)
            return None
        return BracketedTree(self.builder.tree(), self.builder.words, node.line) if self.is_sound else None
