"""Shape checks as in seqlab's own tests, and random trees."""

from jaxtyping import install_import_hook

install_import_hook("seqlab_recnn", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

from collections.abc import Callable, Iterator
from random import Random

import pytest
import torch
from seqlab_recnn.trees.tree import Tree, from_children

Grow = Callable[..., Tree]


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="session")
def grow() -> Grow:
    """Return a function that builds a random tree over `n_words`, with labels a to e and up to `most` children per node."""

    def grown(random: Random, n_words: int, *, most: int = 4, unary_prob: float = 0.2) -> Tree:
        children: list[list[int]] = [[] for _ in range(n_words)]

        def joined(nodes: list[int]) -> int:
            children.append(nodes)
            return len(children) - 1

        def topped(node: int) -> int:
            return joined([node]) if random.random() < unary_prob else node

        row = [topped(word) for word in range(n_words)]
        while len(row) > 1:
            size = random.randint(2, max(2, min(most, len(row))))
            at = random.randrange(len(row) - size + 1)
            row[at : at + size] = [topped(joined(row[at : at + size]))]
        n_nodes = len(children)
        labels = [random.choice("abcde") for _ in range(n_nodes)]
        words = [*range(n_words), *[-1] * (n_nodes - n_words)]
        return from_children(children, root=row[0], words=words, labels=labels, is_made=[False] * n_nodes)

    return grown
