"""Dependency trees as constituents: a word and what depends on it, in their order, below a node of the word's relation."""

from collections.abc import Sequence

from seqlab.errors import DataError
from seqlab_recnn.trees.tree import Tree, from_children, no_tree


def from_heads(heads: Sequence[object], relations: Sequence[str]) -> Tree:
    """Return the tree of words whose heads are `heads` (from 1; 0 = the root) and their relations to them.

    A word without dependents is a leaf labelled with its relation. One with dependents is a node so labelled; among its
    children, in the order of words, it is itself a leaf labelled `head`. Several roots come below a node without a label. The
    words below a node of a crossing (non-projective) tree may leave gaps.

    Raises: DataError where a word has no head, or one that is no word, or heads go in a circle.
    """
    if not len(heads):
        return no_tree()
    n_words = len(heads)
    below: list[list[int]] = [[] for _ in range(n_words + 1)]
    for word, head in enumerate(heads):
        if type(head) is not int or not 0 <= head <= n_words:
            raise DataError(f"word {word + 1} has head {head!r}; expected an integer from 0 to {n_words}")
        below[head].append(word)
    # Nodes: leaf of word i is i; the constituent of word i, if it has dependents, is n_words + i; above several roots 2 *
    # n_words.
    top = [n_words + i if below[i + 1] else i for i in range(n_words)]
    children: list[list[int]] = [[] for _ in range(2 * n_words + 1)]
    for i in range(n_words):
        if below[i + 1]:
            children[n_words + i] = [i if word == i else top[word] for word in sorted([i, *below[i + 1]])]
    roots = [top[word] for word in below[0]]
    children[2 * n_words] = roots
    labels = ["head" if below[i + 1] else relations[i] for i in range(n_words)]
    tree = from_children(
        children,
        root=roots[0] if len(roots) == 1 else 2 * n_words,
        words=[*range(n_words), *[-1] * (n_words + 1)],
        labels=[*labels, *relations, ""],
        is_made=[False] * (2 * n_words + 1),
    )
    if tree.n_words < n_words:
        raise DataError(f"the heads {list(heads)} go in a circle; expected each word to hang from the root, 0, in the end")
    return tree
