"""Binarise trees and join chains of single children; both operations can be undone."""

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from seqlab.errors import ConfigError
from seqlab_recnn.trees.tree import Tree, from_children

BINARISATIONS = ("none", "left", "right", "head")
UNARIES = ("keep", "join")
_JOINT = "+"

HeadFinder: TypeAlias = Callable[[str, Sequence[str]], int]
"""(label, labels of the children) -> index of the head among the children."""


def binarised(tree: Tree, *, direction: str, find_head: HeadFinder) -> Tree:
    """Return `tree` with at most two children per node; added nodes are marked `is_made`.

    `right` puts all children but the first under a new node, `left` all but the last. `head` starts at the head and adds first
    the children that follow it, then those before it (Collins 1999).
    """
    if direction not in BINARISATIONS:
        raise ConfigError(f"binarize is {direction!r}; expected one of {', '.join(BINARISATIONS)}")
    if direction == "none" or all(len(below) <= 2 for below in tree.children):
        return tree
    children, labels = [list(below) for below in tree.children], list(tree.labels)
    words, is_made = tree.words.tolist(), tree.is_made.tolist()
    for node in range(len(tree)):
        below, at = children[node], node
        head = find_head(labels[node], [labels[child] for child in below]) if direction == "head" and len(below) > 2 else 0
        # From the top, this many nodes split off their first child; the others split off their last.
        n_right = {"left": 0, "right": len(below), "head": head}[direction]
        while len(below) > 2:
            takes_first = n_right > 0
            kept, below = (below[0], below[1:]) if takes_first else (below[-1], below[:-1])
            n_right -= takes_first
            new = len(children)
            children[at] = [kept, new] if takes_first else [new, kept]
            children.append(below)
            labels.append(labels[node])
            words.append(-1)
            is_made.append(True)
            at = new
    return from_children(children, root=len(tree) - 1, words=words, labels=labels, is_made=is_made)


def unbinarised(tree: Tree) -> Tree:
    """Return `tree` without the nodes added by binarisation."""
    children: list[list[int]] = []
    for below in tree.children:
        children.append([kept for child in below for kept in (children[child] if tree.is_made[child] else [child])])
    labels, words = tree.labels, tree.words.tolist()
    return from_children(children, root=len(tree) - 1, words=words, labels=labels, is_made=tree.is_made.tolist())


def joined(tree: Tree) -> Tree:
    r"""Return `tree` with each chain of single children joined into one node (`S+VP`); a `+` in a label becomes `\+`."""
    labels = [label.replace("\\", "\\\\").replace(_JOINT, f"\\{_JOINT}") for label in tree.labels]
    children = [list(below) for below in tree.children]
    words = tree.words.tolist()
    for node in range(len(tree)):
        if len(children[node]) == 1:
            child = children[node][0]
            children[node], words[node] = children[child], words[child]
            labels[node] = f"{labels[node]}{_JOINT}{labels[child]}"
    return from_children(children, root=len(tree) - 1, words=words, labels=labels, is_made=tree.is_made.tolist())


def split(tree: Tree) -> Tree:
    """Return `tree` with each joined node split into the original chain."""
    children, labels = [list(below) for below in tree.children], list(tree.labels)
    words, is_made = tree.words.tolist(), tree.is_made.tolist()
    for node in range(len(tree)):
        first, *others = (re.sub(r"\\(.)", r"\1", part) for part in _parts(labels[node]))
        labels[node] = first
        at = node
        for label in others:
            children.append(children[at])
            words.append(words[at])
            labels.append(label)
            is_made.append(False)
            children[at], words[at] = [len(children) - 1], -1
            at = len(children) - 1
    return from_children(children, root=len(tree) - 1, words=words, labels=labels, is_made=is_made)


def _parts(label: str) -> list[str]:
    """Split `label` at each `+` that is not escaped."""
    parts, is_escaped = [""], False
    for character in label:
        if character == _JOINT and not is_escaped:
            parts.append("")
        else:
            parts[-1] += character
        is_escaped = character == "\\" and not is_escaped
    return parts
