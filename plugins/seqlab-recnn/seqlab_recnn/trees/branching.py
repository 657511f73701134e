"""Binary trees for records that have none: balanced, left-branching or right-branching."""

from seqlab.errors import ConfigError
from seqlab_recnn.trees.tree import Tree, from_children, no_tree

SHAPES = ("balanced", "left", "right")


def branching(n_words: int, *, shape: str) -> Tree:
    """Return an unlabelled binary tree over `n_words`: `balanced`, `left`- or `right`-branching."""
    if shape not in SHAPES:
        raise ConfigError(f"shape is {shape!r}; expected one of {', '.join(SHAPES)}")
    if not n_words:
        return no_tree()
    children: list[list[int]] = [[] for _ in range(n_words)]
    stack = [(0, n_words, -1)]
    root = 0
    while stack:
        start, end, parent = stack.pop()
        node = start
        if end - start > 1:
            node = len(children)
            children.append([])
            middle = {"balanced": (start + end + 1) // 2, "left": end - 1, "right": start + 1}[shape]
            # The left part is pushed last, so it is taken first and children are appended in their order.
            stack += [(middle, end, node), (start, middle, node)]
        if parent < 0:
            root = node
        else:
            children[parent].append(node)
    n_nodes = len(children)
    words = [*range(n_words), *[-1] * (n_nodes - n_words)]
    return from_children(children, root=root, words=words, labels=[""] * n_nodes, is_made=[False] * n_nodes)
