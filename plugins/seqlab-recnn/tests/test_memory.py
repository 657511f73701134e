"""A training step leaves no reference cycles behind, so memory is freed without the garbage collector."""

import gc
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from random import Random

import pytest
import torch
from seqlab_recnn.compositions.lstm import ChildSumLstm
from seqlab_recnn.compositions.recursive import RecursiveComposition
from seqlab_recnn.data.forest import EncodedTrees
from seqlab_recnn.trees.tree import Tree

from seqlab.functional.native import without_libraries


@pytest.mark.parametrize("is_compiled", [True, False])
@pytest.mark.parametrize("name", ["child-sum", "recnn"])
def test_states_are_freed_with_the_step(name: str, is_compiled: bool, grow: Callable[..., Tree]) -> None:
    cell = (
        ChildSumLstm(input_width=3, width=5, forget_bias=1.0, recurrent_drop_prob=0.0)
        if name == "child-sum"
        else RecursiveComposition(input_width=3, width=5, n_places=2, activation="tanh", recurrent_drop_prob=0.0)
    )
    tree = grow(Random(1), 6)
    forest = EncodedTrees([tree], [[0] * len(tree)]).collate(torch.arange(1).numpy())
    gc.collect()
    gc.disable()
    try:
        with nullcontext() if is_compiled else without_libraries():
            states = cell(torch.randn(6, 3), forest)
            states.sum().backward()
        kept = weakref.ref(states)
        del states
        assert kept() is None
    finally:
        gc.enable()
