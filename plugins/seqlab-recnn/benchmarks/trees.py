"""Time training steps of Tree-LSTMs: ours (all trees at once), node by node, and pytorch-tree-lstm.

All variants alternate in one process; a step is forward, backward and Adam. Ratios are given for medians and for the best
times, which are affected least by other load on the machine. Our times include building the forest of each batch, as in
training; pytorch-tree-lstm computes its evaluation orders beforehand, as its documentation advises.
Run: PYTHONPATH=benchmarks python plugins/seqlab-recnn/benchmarks/trees.py [--width 150] [--words 19] [--batch 25] [--threads 2]
"""

import argparse
import random
import statistics
from collections.abc import Callable, Sequence

import numpy as np
import torch
from seqlab_recnn.compositions.base import Composition
from seqlab_recnn.compositions.lstm import ChildSumLstm, NaryLstm
from seqlab_recnn.data.forest import EncodedTrees
from seqlab_recnn.trees.tree import Tree, from_children
from torch import Tensor, nn
from turns import alternate

from seqlab.cli.process import keep_freed_memory

SLOWEST = "node by node"
Loss = Callable[[], Tensor]


def random_tree(n_words: int) -> Tree:
    """Return a binary tree built by joining random neighbours."""
    children: list[list[int]] = [[] for _ in range(n_words)]
    row = list(range(n_words))
    while len(row) > 1:
        at = random.randrange(len(row) - 1)
        children.append(row[at : at + 2])
        row[at : at + 2] = [len(children) - 1]
    n_nodes = len(children)
    words = [*range(n_words), *[-1] * (n_nodes - n_words)]
    return from_children(children, root=row[0], words=words, labels=[""] * n_nodes, is_made=[False] * n_nodes)


def by_levels(cell: Composition, trees: Sequence[Tree], inputs: Tensor) -> Loss:
    encoded = EncodedTrees(trees, [[0] * len(tree) for tree in trees])
    rows = np.arange(len(trees))

    def loss() -> Tensor:
        forest = encoded.collate(rows)
        states = cell(inputs[forest.records, forest.words], forest)
        return states[:, : cell.width].sum()

    return loss


def by_nodes(cell: ChildSumLstm, trees: Sequence[Tree], inputs: Tensor) -> Loss:
    def state(gates: Tensor, kept: Tensor | float) -> tuple[Tensor, Tensor]:
        i, o, u = gates.chunk(3, 1)
        c = i.sigmoid() * u.tanh() + kept
        return o.sigmoid() * c.tanh(), c

    def loss() -> Tensor:
        total = []
        for tree, vectors in zip(trees, inputs, strict=True):
            states: list[tuple[Tensor, Tensor]] = []
            for node, word in enumerate(tree.words.tolist()):
                if word >= 0:
                    states.append(state(cell.inputs(vectors[word : word + 1]), 0.0))
                else:
                    h = torch.cat([states[child][0] for child in tree.children[node]])
                    c = torch.cat([states[child][1] for child in tree.children[node]])
                    kept = (cell.forget(h).sigmoid() * c).sum(0, keepdim=True)
                    states.append(state(cell.sums(h.sum(0, keepdim=True)), kept))
            total.append(torch.cat([h for h, _ in states]).sum())
        return torch.stack(total).sum()

    return loss


def by_package(trees: Sequence[Tree], inputs: Tensor, *, width: int) -> tuple[nn.Module, Loss]:
    from treelstm import TreeLSTM, batch_tree_input, calculate_evaluation_orders

    model = TreeLSTM(width, width)
    prepared = []
    for tree, vectors in zip(trees, inputs, strict=True):
        features = torch.zeros(len(tree), width)
        features[torch.from_numpy(tree.is_leaf)] = vectors[torch.from_numpy(tree.words[tree.is_leaf])]
        edges = sorted((parent, child) for child, parent in enumerate(tree.parents.tolist()) if parent >= 0)
        orders = [torch.from_numpy(order) for order in calculate_evaluation_orders(edges, len(tree))]
        prepared.append(
            {"features": features, "adjacency_list": torch.tensor(edges), "node_order": orders[0], "edge_order": orders[1]}
        )

    def loss() -> Tensor:
        batch = batch_tree_input(prepared)
        parts = [batch[name] for name in ("features", "node_order", "adjacency_list", "edge_order")]
        return model(*parts)[0].sum()

    return model, loss


def training_step(model: nn.Module, loss: Loss) -> Callable[[], None]:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def run() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("width", 150), ("words", 19), ("batch", 25), ("threads", 2), ("repeats", 30)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    keep_freed_memory()  # as the seqlab command does
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    random.seed(0)
    width = options.width
    trees = [random_tree(options.words) for _ in range(options.batch)]
    inputs = torch.randn(options.batch, options.words, width)
    sums = ChildSumLstm(input_width=width, width=width, forget_bias=1.0, recurrent_drop_prob=0.0)
    pairs = NaryLstm(input_width=width, width=width, n_places=2, forget_bias=1.0, recurrent_drop_prob=0.0)
    runs = {
        "all at once": training_step(sums, by_levels(sums, trees, inputs)),
        "all at once, binary": training_step(pairs, by_levels(pairs, trees, inputs)),
        SLOWEST: training_step(sums, by_nodes(sums, trees, inputs)),
        "pytorch-tree-lstm": training_step(*by_package(trees, inputs, width=width)),
    }
    times = alternate(runs, repeats=options.repeats)
    medians = {name: statistics.median(values) for name, values in times.items()}
    shortest = {name: min(values) for name, values in times.items()}
    print(f"training, width {width}, {options.batch} trees of {options.words} words, {options.threads} threads")
    for name in runs:
        shown = [
            f"{options.batch / kind[name]:8,.0f} trees/s {kind[SLOWEST] / kind[name]:6.2f} x" for kind in (medians, shortest)
        ]
        print(f"{name:24} {shown[0]}   at best {shown[1]}")


if __name__ == "__main__":
    main()
