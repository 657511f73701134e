"""What treebanks in the manner of the Penn Treebank write into labels and words, and trees without it."""

import re
from collections.abc import Collection

import numpy as np

from seqlab.errors import ConfigError
from seqlab_recnn.trees.brackets import BracketedTree
from seqlab_recnn.trees.tree import Tree, from_children

_ESCAPES = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
    r"\/": "/",
    r"\*": "*",
}
_ESCAPED = re.compile("|".join(map(re.escape, _ESCAPES)))
_FUNCTION = re.compile(r"(?<=.)[-=|].*")
TRACE = "-NONE-"
FUNCTIONS = ("keep", "cut")


def unescaped(word: str) -> str:
    r"""Return `word` with the brackets and strokes that a treebank spells otherwise (`-LRB-`, `\/`)."""
    return _ESCAPED.sub(lambda found: _ESCAPES[found.group()], word)


def without_function(label: str) -> str:
    """Return `label` up to its first function or index: `NP-SBJ-1` is `NP`. Labels that begin with a dash are left whole."""
    return label if label.startswith("-") else _FUNCTION.sub("", label)


def cleaned(found: BracketedTree, *, functions: str, roots: Collection[str]) -> BracketedTree | None:
    """Return the tree without traces and what stood above nothing else, without a root of `roots` that has one child.

    None where nothing is left. `functions` says what becomes of functions in labels: keep or cut.
    """
    if functions not in FUNCTIONS:
        raise ConfigError(f"functions is {functions!r}; expected one of {', '.join(FUNCTIONS)}")
    tree = found.tree
    cut = without_function if functions == "cut" else str
    labels = [cut(label) for label in tree.labels]
    kept, children = _kept(tree)
    root = len(tree) - 1
    if not kept[root]:
        return None
    while len(children[root]) == 1 and labels[root] in roots:
        root = children[root][0]
    is_spoken = np.asarray([label != TRACE for label in tree.labels]) & tree.is_leaf
    number = np.cumsum(is_spoken[np.argsort(np.where(tree.is_leaf, tree.words, len(tree)), kind="stable")]) - 1
    words = [int(number[word]) if word >= 0 else -1 for word in tree.words.tolist()]
    made = from_children(children, root=root, words=words, labels=labels, is_made=tree.is_made.tolist())
    spoken = [found.words[word] for word in sorted(tree.words[is_spoken].tolist())]
    return BracketedTree(made, [unescaped(word) for word in spoken], found.line)


def _kept(tree: Tree) -> tuple[list[bool], list[list[int]]]:
    """Return which nodes have a word below them that is no trace, and the children of each that have."""
    kept = [False] * len(tree)
    children: list[list[int]] = []
    for node, below in enumerate(tree.children):
        children.append([child for child in below if kept[child]])
        kept[node] = bool(children[-1]) if below else tree.labels[node] != TRACE
    return kept, children
