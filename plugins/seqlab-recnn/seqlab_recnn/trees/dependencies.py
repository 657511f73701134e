"""Convert dependency trees to constituents: a node for each word that has dependents, above the word and its dependents."""

from collections.abc import Sequence

from seqlab.errors import DataError
from seqlab_recnn.trees.tree import Tree, from_children, no_tree


def from_heads(heads: Sequence[object], relations: Sequence[str]) -> Tree:
    """Return the tree of words with the given heads (counted from 1; 0 is the root) and relations to them.

    A word without dependents is a leaf labelled with its relation. A word with dependents becomes an inner node with that
    label; its children are its dependents and, at its own position, a leaf labelled `head`. Several roots get a common parent
    without a label. In non-projective trees, the words below a node may have gaps.

    Raises: DataError if a head is missing or not a word, or if there is a cycle.
    """
    if not len(heads):
        return no_tree()
    n_words = len(heads)
    below: list[list[int]] = [[] for _ in range(n_words + 1)]
    for word, head in enumerate(heads):
        if type(head) is not int or not 0 <= head <= n_words:  # not isinstance: True is an int as well
            raise DataError(f"word {word + 1} has head {head!r}; expected an integer from 0 to {n_words}")
        below[head].append(word)
    # Node i is the leaf of word i, n_words + i its constituent (if it has dependents), and 2 * n_words the parent of the roots.
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
    # Words in a cycle hang below no root, so the walk from the root never meets them.
    if tree.n_words < n_words:
        raise DataError(f"the heads {list(heads)} contain a cycle; expected a path from every word to the root (0)")
    return tree
