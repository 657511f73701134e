"""Capture tree compositions as one graph each; values and gradients are those of eager code, to the bit."""

from collections.abc import Callable, Iterable

import torch
from seqlab_recnn.compositions.lstm import ChildSumLstm, NaryLstm
from seqlab_recnn.compositions.recursive import MaxComposition, RecursiveComposition
from seqlab_recnn.data.forest import EncodedTrees
from seqlab_recnn.trees.tree import from_children
from torch import Tensor

SIZES = {"input_width": 3, "width": 5, "recurrent_drop_prob": 0.0}
TREE = from_children([[], [], [], [0, 1], [3, 2]], root=4, words=[0, 1, 2, -1, -1], labels=["a"] * 5, is_made=[False] * 5)


def found(run: Callable[..., Tensor], inputs: Tensor, parameters: Iterable[Tensor]) -> list[Tensor]:
    """Return the states and the gradients."""
    states = run(inputs, FOREST)
    return [states.detach(), *torch.autograd.grad(states.square().sum(), [inputs, *parameters])]


torch.set_num_threads(1)
FOREST = EncodedTrees([TREE, TREE], [[0] * len(TREE)] * 2).collate(torch.arange(2).numpy())
for composition in (
    ChildSumLstm(**SIZES, forget_bias=1.0),
    NaryLstm(**SIZES, n_places=2, forget_bias=1.0),
    RecursiveComposition(**SIZES, n_places=2, activation="tanh"),
    MaxComposition(**SIZES, activation="relu"),
):
    torch.compiler.reset()
    captured = torch.compile(composition, backend="eager", fullgraph=True)
    values = torch.randn(6, 3, requires_grad=True)
    of_captured, of_eager = (found(run, values, composition.parameters()) for run in (captured, composition))
    for one, other in zip(of_captured, of_eager, strict=True):
        assert torch.equal(one, other), type(composition).__name__
