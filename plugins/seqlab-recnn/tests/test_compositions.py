"""Compositions, batched by level or compiled, compared with their equations node by node."""

import copy
from collections.abc import Callable
from random import Random
from typing import TypeAlias

import pytest
import torch
from seqlab_recnn.compositions.base import Composition, PlaceWeights
from seqlab_recnn.compositions.compiled import LSTM, RECURSIVE
from seqlab_recnn.compositions.gru import ChildSumGru
from seqlab_recnn.compositions.lstm import ChildSumLstm, NaryLstm, SequenceLstm
from seqlab_recnn.compositions.recursive import MaxComposition, RecursiveComposition, TensorComposition, UntiedComposition
from seqlab_recnn.data.fields import TreeField
from seqlab_recnn.data.forest import EncodedTrees
from seqlab_recnn.data.sources import BranchingTrees
from seqlab_recnn.trees.shaping import binarised
from seqlab_recnn.trees.tree import Tree, from_children
from torch import Tensor, nn

from seqlab.errors import ConfigError
from seqlab.functional.native import without_libraries
from seqlab.functional.native.compiler import find_compiler

INPUT, WIDTH = 3, 5
KNOWN = ["a", "b", "c"]
NaryState = tuple[Tensor, ...]


def field() -> TreeField:
    made = TreeField(trees=BranchingTrees(column="tokens", shape="left"), productions="label", min_count=1)
    made.known = KNOWN
    return made


COMPOSITIONS: dict[str, Callable[[], Composition]] = {
    "recnn": lambda: RecursiveComposition(
        input_width=INPUT, width=WIDTH, n_places=2, activation="tanh", recurrent_drop_prob=0.0
    ),
    "recnn-3": lambda: RecursiveComposition(
        input_width=INPUT, width=WIDTH, n_places=3, activation="relu", recurrent_drop_prob=0.0
    ),
    "untied": lambda: UntiedComposition(
        input_width=INPUT, width=WIDTH, tree=field(), n_places=2, activation="tanh", recurrent_drop_prob=0.0
    ),
    "rntn": lambda: TensorComposition(input_width=INPUT, width=WIDTH, activation="tanh", recurrent_drop_prob=0.0),
    "max": lambda: MaxComposition(input_width=INPUT, width=WIDTH, activation="tanh", recurrent_drop_prob=0.0),
    "child-sum": lambda: ChildSumLstm(input_width=INPUT, width=WIDTH, forget_bias=1.0, recurrent_drop_prob=0.0),
    "n-ary": lambda: NaryLstm(input_width=INPUT, width=WIDTH, n_places=2, forget_bias=1.0, recurrent_drop_prob=0.0),
    "n-ary-3": lambda: NaryLstm(input_width=INPUT, width=WIDTH, n_places=3, forget_bias=0.0, recurrent_drop_prob=0.0),
    "sequence": lambda: SequenceLstm(input_width=INPUT, width=WIDTH, recurrent_drop_prob=0.0),
    "gru": lambda: ChildSumGru(input_width=INPUT, width=WIDTH, is_mean=False, recurrent_drop_prob=0.0),
    "gru-mean": lambda: ChildSumGru(input_width=INPUT, width=WIDTH, is_mean=True, recurrent_drop_prob=0.0),
}


def by_place(weights: PlaceWeights, values: list[Tensor]) -> Tensor:
    last = len(weights.weight) - 1
    return torch.stack([value @ weights.weight[min(place, last)] for place, value in enumerate(values)]).sum(0) + weights.bias


def leaf_of(cell: Composition, x: Tensor) -> NaryState:
    if isinstance(cell, ChildSumLstm | NaryLstm):
        i, o, u = cell.inputs(x).chunk(3)
        c = i.sigmoid() * u.tanh()
        return o.sigmoid() * c.tanh(), c
    if isinstance(cell, ChildSumGru):
        z, n = cell.inputs(x).chunk(2)
        return ((1 - z.sigmoid()) * n.tanh(),)
    if isinstance(cell, SequenceLstm):
        return (cell.inputs(x[None])[0][0],)
    return (cell.activation(cell.inputs(x)),)


def node_of(cell: Composition, below: list[NaryState], production: int) -> NaryState:
    h = [state[0] for state in below]
    if isinstance(cell, ChildSumLstm):
        i, o, u = cell.sums(sum(h)).chunk(3)
        c = i.sigmoid() * u.tanh() + sum(cell.forget(one).sigmoid() * cells for one, cells in below)
        return o.sigmoid() * c.tanh(), c
    if isinstance(cell, NaryLstm):
        i, o, u, *f = by_place(cell.weights, h).chunk(3 + cell.n_places)
        c = i.sigmoid() * u.tanh()
        for place, (_, cells) in enumerate(below):
            c = c + f[min(place, cell.n_places - 1)].sigmoid() * cells
        return o.sigmoid() * c.tanh(), c
    if isinstance(cell, ChildSumGru):
        joint = sum(h) / (len(h) if cell.is_mean else 1)
        z = cell.update(joint).sigmoid()
        n = cell.candidate(sum(cell.reset(one).sigmoid() * one for one in h)).tanh()
        return ((1 - z) * n + z * joint,)
    if isinstance(cell, SequenceLstm):
        state = torch.zeros(1, WIDTH, dtype=h[0].dtype), torch.zeros(1, WIDTH, dtype=h[0].dtype)
        for one in h:
            state = cell.cell(one[None], state)
        return (state[0][0],)
    if isinstance(cell, MaxComposition):
        return (cell.activation(cell.linear(torch.stack(h).amax(0))),)
    if isinstance(cell, UntiedComposition):
        return (cell.activation(by_place(cell.weights[production], h)),)
    if isinstance(cell, TensorComposition):
        e = torch.cat([*h, torch.zeros_like(h[0])][:2])
        slices = cell.tensor.unbind(1)
        return (cell.activation(torch.stack([e @ slice_ @ e for slice_ in slices]) + by_place(cell.weights, h)),)
    assert isinstance(cell, RecursiveComposition)
    return (cell.activation(by_place(cell.weights, h)),)


def naive(cell: Composition, tree: Tree, inputs: Tensor) -> Tensor:
    """Compute the states node by node from the equations."""
    states: list[NaryState] = []
    for node, (word, label) in enumerate(zip(tree.words.tolist(), tree.labels, strict=True)):
        production = KNOWN.index(label) + 1 if label in KNOWN else 0
        below = [states[child] for child in tree.children[node]]
        states.append(node_of(cell, below, production) if below else leaf_of(cell, inputs[word]))
    return torch.stack([torch.cat(state) for state in states])


def batched(cell: Composition, trees: list[Tree], inputs: list[Tensor]) -> list[Tensor]:
    productions = [
        [0 if leaf or label not in KNOWN else KNOWN.index(label) + 1 for label, leaf in zip(t.labels, t.is_leaf, strict=True)]
        for t in trees
    ]
    forest = EncodedTrees(trees, productions).collate(torch.arange(len(trees)).numpy())
    padded = torch.nn.utils.rnn.pad_sequence(inputs, batch_first=True)
    states = cell(padded[forest.records, forest.words], forest)
    return [states[forest.rows[i, : len(tree)]] for i, tree in enumerate(trees)]


Run: TypeAlias = Callable[[Composition, list[Tree], list[Tensor]], list[Tensor]]


def node_by_node(cell: Composition, trees: list[Tree], inputs: list[Tensor]) -> list[Tensor]:
    return [naive(cell, tree, x) for tree, x in zip(trees, inputs, strict=True)]


def perturbed(name: str) -> Composition:
    cell = COMPOSITIONS[name]()
    for parameter in cell.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return cell


def outcome(run: Run, cell: Composition, trees: list[Tree], *, seed: int) -> tuple[list[Tensor], list[Tensor | None]]:
    """Return the states of all trees, and the gradients of a random sum of them for inputs and parameters."""
    random = torch.Generator().manual_seed(seed)
    dtype = next(cell.parameters()).dtype
    inputs = [torch.randn(tree.n_words, INPUT, generator=random).to(dtype).requires_grad_() for tree in trees]
    probes = [torch.randn(len(tree), cell.state_width, generator=random).to(dtype) for tree in trees]
    states = run(cell, trees, inputs)
    loss = sum(((state * probe).sum() for state, probe in zip(states, probes, strict=True)), torch.zeros((), dtype=dtype))
    return states, list(torch.autograd.grad(loss, [*inputs, *cell.parameters()], allow_unused=True))


def assert_equal(name: str, trees: list[Tree], *, dtype: torch.dtype, tolerance: float) -> None:
    cell = perturbed(name).to(dtype)
    found, found_gradients = outcome(batched, cell, trees, seed=7)
    expected, expected_gradients = outcome(node_by_node, cell, trees, seed=7)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)
    for one, other in zip(found_gradients, expected_gradients, strict=True):
        if other is None:
            assert one is None or not one.any()
        else:
            scale = other.abs().max().clamp(min=1)
            torch.testing.assert_close(one / scale, other / scale, rtol=tolerance, atol=tolerance)


def assert_as_exact_as_recursion(name: str, trees: list[Tree], *, tolerance: float) -> None:
    """Check that float32 agrees with the recursion, or is at most four times as far from float64 as the recursion is."""
    cell = perturbed(name)
    if name == "recnn-3":  # 5,000 rectified layers overflow float32 unless the weights are small
        for parameter in cell.parameters():
            parameter.data /= 4
    exact = outcome(node_by_node, copy.deepcopy(cell).double(), trees, seed=7)
    found, recursion = (outcome(run, cell, trees, seed=7) for run in (batched, node_by_node))
    for ones, others, truths in zip(found, recursion, exact, strict=True):
        for one, other, truth in zip(ones, others, truths, strict=True):
            if truth is None:
                continue
            scale = truth.abs().max().clamp(min=1)
            off, own, apart = ((a - b).abs().max() / scale for a, b in ((one, truth), (other, truth), (one, other)))
            assert min(apart, off) <= tolerance or off <= 4 * own, (name, off, own, apart)


def shaped(name: str, tree: Tree) -> Tree:
    return binarised(tree, direction="right", find_head=lambda label, children: 0) if name == "rntn" else tree


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_levels_equal_recursion(name: str, grow: Callable[..., Tree]) -> None:
    random = Random(3)
    trees = [shaped(name, grow(random, random.randint(1, 12))) for _ in range(12)]
    assert_equal(name, trees, dtype=torch.float64, tolerance=1e-10)
    assert_equal(name, trees[:1], dtype=torch.float64, tolerance=1e-10)


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_binary_trees_and_single_words(name: str, grow: Callable[..., Tree]) -> None:
    random = Random(4)
    trees = [grow(random, n_words, most=2, unary_prob=0.0) for n_words in (1, 7, 2, 9)]
    assert_equal(name, trees, dtype=torch.float64, tolerance=1e-10)
    assert_equal(name, [trees[0]], dtype=torch.float64, tolerance=1e-10)


COMPILED = {
    "recnn": RECURSIVE,
    "recnn-3": RECURSIVE,
    "untied": RECURSIVE,
    "max": RECURSIVE,
    "child-sum": LSTM,
    "n-ary": LSTM,
    "n-ary-3": LSTM,
}
needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="no C compiler is installed")


@needs_compiler
def test_the_libraries_load() -> None:
    assert LSTM.is_usable, LSTM.failure
    assert RECURSIVE.is_usable, RECURSIVE.failure


@needs_compiler
@pytest.mark.parametrize("name", COMPILED)
def test_compiled_equals_recursion(name: str, grow: Callable[..., Tree]) -> None:
    random = Random(7)
    trees = [grow(random, random.randint(1, 12)) for _ in range(12)]
    assert_equal(name, trees, dtype=torch.float32, tolerance=1e-5)
    assert_equal(name, [grow(random, 1, unary_prob=0.0)], dtype=torch.float32, tolerance=1e-5)
    with without_libraries():
        assert_equal(name, trees, dtype=torch.float32, tolerance=1e-5)


@needs_compiler
@pytest.mark.parametrize("name", COMPILED)
def test_compiled_is_bit_identical_for_any_batch_and_threads(name: str, grow: Callable[..., Tree]) -> None:
    random, cell = Random(8), COMPOSITIONS[name]()
    cell.inputs = torch.nn.Identity()  # torch's matrix products round differently for other numbers of words
    trees = [grow(random, random.randint(1, 20)) for _ in range(9)]
    width = 3 * WIDTH if COMPILED[name] is LSTM else WIDTH
    inputs = [torch.randn(tree.n_words, width).requires_grad_() for tree in trees]

    def found(*chosen: int) -> list[Tensor]:
        states = batched(cell, [trees[i] for i in chosen], [inputs[i] for i in chosen])
        gradients = torch.autograd.grad(sum((one**2).sum() for one in states), [inputs[i] for i in chosen])
        return [*states, *gradients]

    n_threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one_thread, alone = found(*range(9)), [found(i) for i in range(9)]
        torch.set_num_threads(3)
        three_threads = found(*range(9))
    finally:
        torch.set_num_threads(n_threads)
    for i in range(9):
        for of_all, one in ((i, 0), (9 + i, 1)):  # states, and gradients of the words
            assert torch.equal(one_thread[of_all], alone[i][one])
            assert torch.equal(one_thread[of_all], three_threads[of_all])


@needs_compiler
@pytest.mark.parametrize("name", ["recnn", "child-sum", "n-ary"])
def test_compiled_gradients_go_through_dropped_candidates(name: str, grow: Callable[..., Tree]) -> None:
    cell, trees = COMPOSITIONS[name](), [grow(Random(9), 8)]
    kept = torch.rand(2 * len(trees[0]), WIDTH).gt(0.4) / 0.6
    cell.dropout.mask = lambda like, *, n_rows, width: kept[:n_rows].to(like.dtype)
    inputs, step, probe = torch.randn(8, INPUT).requires_grad_(), 1e-2, torch.randn(8, INPUT)

    def loss(values: Tensor) -> Tensor:
        return batched(cell, trees, [values])[0].square().sum()

    (gradient,) = torch.autograd.grad(loss(inputs), inputs)
    along = (loss(inputs + step * probe) - loss(inputs - step * probe)) / (2 * step)
    torch.testing.assert_close((gradient * probe).sum(), along, rtol=1e-2, atol=1e-3)


IN_FLOAT32 = {
    # A rounding error in a gate shared by a thousand children is multiplied by the sum of their cells.
    "n-ary-3": 5e-5,
    # Errors grow over five thousand levels of products: the recursion itself is off by 3e-5 in float32.
    "rntn": 1e-4,
}


def deep(n_words: int) -> Tree:
    children: list[list[int]] = [[] for _ in range(n_words)]
    top = 0
    for word in range(1, n_words):
        children.append([top, word] if word % 2 else [word, top])
        top = len(children) - 1
    n_nodes = len(children)
    words = [*range(n_words), *[-1] * (n_nodes - n_words)]
    return from_children(children, root=top, words=words, labels=["a"] * n_nodes, is_made=[False] * n_nodes)


def wide(n_words: int) -> Tree:
    children = [[] for _ in range(n_words)] + [list(range(n_words))]
    labels, is_made = ["b"] * (n_words + 1), [False] * (n_words + 1)
    return from_children(children, root=n_words, words=[*range(n_words), -1], labels=labels, is_made=is_made)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPOSITIONS)
def test_levels_equal_recursion_on_many_trees(name: str, grow: Callable[..., Tree]) -> None:
    random = Random(5)
    for _ in range(5):
        trees = [shaped(name, grow(random, random.randint(1, 25), most=random.randint(2, 8))) for _ in range(50)]
        assert_equal(name, trees, dtype=torch.float32, tolerance=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPOSITIONS)
def test_deep_and_wide_trees_equal_recursion(name: str) -> None:
    # the recursion takes minutes for each composition at the larger depth
    trees = [deep(5_000 if name in ("recnn", "n-ary") else 1_000), shaped(name, wide(1_000)), deep(3)]
    assert_equal(name, trees, dtype=torch.float64, tolerance=1e-8)
    assert_as_exact_as_recursion(name, trees, tolerance=IN_FLOAT32.get(name, 1e-5))


def test_tensor_refuses_wide_nodes() -> None:
    with pytest.raises(
        ConfigError, match=r"a node of 3 children, and the tensor takes two; set encoder\.tree\.trees\.binarize=right"
    ):
        COMPOSITIONS["rntn"]().check((2, 3))


def test_untied_refuses_trees_without_productions() -> None:
    bare = TreeField(trees=BranchingTrees(column="tokens", shape="left"), productions="none", min_count=1)
    with pytest.raises(ConfigError, match="productions is 'none', but matrices are untied"):
        UntiedComposition(input_width=2, width=2, tree=bare, n_places=2, activation="tanh", recurrent_drop_prob=0.0)


@pytest.mark.parametrize("name", ["recnn", "child-sum", "n-ary", "gru", "sequence"])
def test_recurrent_dropout_acts_only_in_training(name: str, grow: Callable[..., Tree]) -> None:
    trees = [grow(Random(6), 9)]
    inputs = [torch.randn(9, INPUT)]
    quiet = COMPOSITIONS[name]()
    quiet.dropout.keep_prob = 0.5
    found = batched(quiet, trees, inputs)[0]
    quiet.eval()
    still = batched(quiet, trees, inputs)[0]
    assert not torch.allclose(found, still)
    assert torch.equal(still, batched(quiet, trees, inputs)[0])
    quiet.dropout.keep_prob = 1.0
    torch.testing.assert_close(batched(quiet.train(), trees, inputs)[0], still)


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler is installed")
@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("max", {"linear": (4, 5)}, r"leaves has the shape \(3, 5\); expected \(3, 4\)"),
        ("child-sum", {"inputs": (INPUT, 14)}, r"products has the shape \(3, 14\); expected \(3, 15\)"),
        ("n-ary", {"inputs": (INPUT, 16)}, r"products has the shape \(3, 16\); expected \(3, 15\)"),
    ],
)
def test_weights_that_do_not_fit_are_refused(name: str, change: dict[str, tuple[int, int]], message: str) -> None:
    composition = COMPOSITIONS[name]()
    for part, widths in change.items():
        setattr(composition, part, nn.Linear(*widths))
    forest = EncodedTrees([shaped(name, deep(3))], [[0] * 5]).collate(torch.arange(1).numpy())
    with pytest.raises(ValueError, match=f"states_compiled: .*{message}"):
        composition(torch.zeros(3, INPUT), forest)


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler is installed")
def test_productions_beyond_the_weights_are_refused() -> None:
    forest = EncodedTrees([deep(3)], [[0, 0, 0, 9, 9]]).collate(torch.arange(1).numpy())
    with pytest.raises(ValueError, match="the forest has production 9; expected at most 3"):
        COMPOSITIONS["untied"]()(torch.zeros(3, INPUT), forest)
