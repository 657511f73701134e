"""Clean trees in the style of the Penn Treebank: functions, indices, traces and escaped words."""

import re
from collections.abc import Collection

import numpy as np

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
# The lookbehind keeps labels that are nothing but such a sign.
_FUNCTION = re.compile(r"(?<=.)[-=|].*")
TRACE = "-NONE-"
FUNCTIONS = ("keep", "cut")


def unescaped(word: str) -> str:
    r"""Return `word` with escaped characters (`-LRB-`, `\/`) restored."""
    return _ESCAPED.sub(lambda found: _ESCAPES[found.group()], word)


def without_function(label: str) -> str:
    """Return `label` without functions and indices (`NP-SBJ-1` becomes `NP`); labels that start with a dash are unchanged."""
    return label if label.startswith("-") else _FUNCTION.sub("", label)


def cleaned(found: BracketedTree, *, functions: str, roots: Collection[str]) -> BracketedTree | None:
    """Return the tree without traces, nodes above only traces, and roots with one child whose label is in `roots`.

    None if nothing remains. `functions` is `keep` or `cut`.
    """
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
    """Return which nodes cover a word other than a trace, and the children of each node that do."""
    kept = [False] * len(tree)
    children: list[list[int]] = []
    for node, below in enumerate(tree.children):
        children.append([child for child in below if kept[child]])
        kept[node] = bool(children[-1]) if below else tree.labels[node] != TRACE
    return kept, children
