"""Run the kernels of seqlab-recnn, forward and backward, at sizes that fill one, some and many vectors of the machine."""

import itertools

import torch
from seqlab_recnn.compositions.base import Composition
from seqlab_recnn.compositions.compiled import LSTM, RECURSIVE
from seqlab_recnn.compositions.lstm import ChildSumLstm, NaryLstm
from seqlab_recnn.compositions.recursive import MaxComposition, RecursiveComposition
from seqlab_recnn.data.forest import EncodedTrees
from seqlab_recnn.trees.tree import Tree, from_children


def tree(n_words: int, arity: int) -> Tree:
    """Return a tree whose nodes have up to `arity` children."""
    children: list[list[int]] = [[] for _ in range(n_words)]
    row = list(range(n_words))
    while len(row) > 1:
        children.append(row[:arity])
        row = [len(children) - 1, *row[arity:]]
    size = len(children)
    words = [*range(n_words), *[-1] * (size - n_words)]
    return from_children(children, root=row[0], words=words, labels=["a"] * size, is_made=[False] * size)


def compositions(width: int) -> list[Composition]:
    sizes = {"input_width": 3, "width": width, "recurrent_drop_prob": 0.5}
    return [
        ChildSumLstm(**sizes, forget_bias=1.0),
        NaryLstm(**sizes, n_places=2, forget_bias=1.0),
        RecursiveComposition(**sizes, n_places=3, activation="tanh"),
        MaxComposition(**sizes, activation="relu"),
    ]


for n_threads, width in itertools.product((1, 3), (1, 5, 33)):
    torch.set_num_threads(n_threads)
    trees = [tree(n_words, arity) for n_words, arity in ((1, 2), (7, 2), (4, 3), (12, 5))]
    forest = EncodedTrees(trees, [[0] * len(one) for one in trees]).collate(torch.arange(len(trees)).numpy())
    for composition in compositions(width):
        inputs = torch.randn(sum(one.n_words for one in trees), 3, requires_grad=True)
        composition(inputs, forest).square().sum().backward()
assert LSTM.has_run
assert RECURSIVE.has_run
