"""Trees: nodes, notations and shapes."""

from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from seqlab_recnn.trees.brackets import BracketedTree, parse_trees, to_brackets
from seqlab_recnn.trees.branching import branching
from seqlab_recnn.trees.dependencies import from_heads
from seqlab_recnn.trees.heads import find_head
from seqlab_recnn.trees.penn import cleaned, without_function
from seqlab_recnn.trees.shaping import binarised, joined, split, unbinarised
from seqlab_recnn.trees.tree import Tree

from seqlab.errors import ConfigError, DataError

CAT = "(S (NP (DT the) (NN cat)) (VP (VBZ sleeps)))"


def parsed(text: str) -> list[BracketedTree]:
    faults: list[str] = []
    trees = list(parse_trees(text, fault=lambda line, what: faults.append(f"{line}: {what}")))
    assert not faults
    return trees


def tree_of(text: str) -> Tree:
    (found,) = parsed(text)
    return found.tree


def faults_in(text: str) -> tuple[list[str], int]:
    faults: list[str] = []
    trees = list(parse_trees(text, fault=lambda line, what: faults.append(f"{line}: {what}")))
    return faults, len(trees)


def shown(tree: Tree) -> str:
    return to_brackets(tree, [f"w{i}" for i in range(tree.n_words)])


def chain(n_words: int) -> str:
    """Return brackets nested as deeply as there are words."""
    return "(X " * (n_words - 1) + "(X w0)" + "".join(f" (X w{i}))" for i in range(1, n_words))


def test_parse_numbers_nodes_in_post_order() -> None:
    (found,) = parsed(CAT)
    assert found.words == ["the", "cat", "sleeps"]
    assert found.tree.labels == ["DT", "NN", "NP", "VBZ", "VP", "S"]
    assert found.tree.parents.tolist() == [2, 2, 5, 4, 5, -1]
    assert found.tree.words.tolist() == [0, 1, -1, 2, -1, -1]
    assert found.tree.spans.tolist() == [[0, 1], [1, 2], [0, 2], [2, 3], [2, 3], [0, 3]]
    assert found.tree.heights.tolist() == [0, 0, 1, 0, 1, 2]
    assert found.tree.depths.tolist() == [2, 2, 1, 2, 1, 0]
    assert found.tree.rules == ["", "", "NP -> DT NN", "", "VP -> VBZ", "S -> NP VP"]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("(S\n  (NP\n    (DT the)\n (NN cat))\n\n(VP (VBZ sleeps))\n)", CAT),
        ("(NP the cat)", "(NP the cat)"),
        ("(NP the (JJ old) cat)", "(NP the (JJ old) cat)"),
        ("( (S (X a)))", "((S (X a)))"),
        ("(3 (2 It) (4 (2 's) (4 good)))", "(3 (2 It) (4 (2 's) (4 good)))"),
        ("(NN 10 km)", "(NN 10 km)"),
        ("(X a\u00a0b)", "(X a\u00a0b)"),
    ],
)
def test_parse_reads_notations(text: str, same: str) -> None:
    (found,) = parsed(text)
    assert to_brackets(found.tree, found.words) == same


def test_parse_reports_the_line_of_each_tree() -> None:
    assert [found.line for found in parsed("\n(X a)\n\n(X\n b) (X c)\n")] == [2, 4, 5]


@pytest.mark.parametrize(
    ("text", "fault", "n_sound"),
    [
        ("(X a)\n(S (NP a)\n", "2: 1 bracket(s), the first opened here, are never closed", 1),
        ("(X a))\n(X b)", "1: ')' is outside all brackets", 2),
        ("word (X a)", "1: 'word' is outside all brackets", 1),
        ("(S (NP) (X a)) (X b)", "1: (NP) contains no word", 1),
        ("()", "1: () contains no word", 0),
    ],
)
def test_parse_reports_mistakes(text: str, fault: str, n_sound: int) -> None:
    faults, n_found = faults_in(text)
    assert faults[0].startswith(fault)
    assert n_found == n_sound


def test_brackets_come_back(grow: Callable[..., Tree]) -> None:
    random = Random(1)
    for n_words in range(1, 30):
        tree = grow(random, n_words)
        again = tree_of(shown(tree))
        assert (again.labels, again.parents.tolist()) == (tree.labels, tree.parents.tolist())


@pytest.mark.parametrize("shape", ["balanced", "left", "right"])
def test_leaves_without_labels_come_back_without(shape: str) -> None:
    tree = branching(5, shape=shape)
    again = tree_of(shown(tree))
    assert (again.labels, again.parents.tolist()) == ([""] * 9, tree.parents.tolist())


def test_brackets_in_words_are_written_as_treebanks_do() -> None:
    tree = tree_of("(X (Y a) (Y b))")
    assert to_brackets(tree, ["(", "a)"]) == "(X (Y -LRB-) (Y a-RRB-))"


def test_trees_may_have_any_depth() -> None:
    n_words = 3_000
    tree = tree_of(chain(n_words))
    assert tree.n_words == n_words
    assert int(tree.heights[-1]) == int(tree.depths[0]) == n_words - 1
    assert tree_of(shown(tree)).parents.tolist() == tree.parents.tolist()
    assert len(joined(tree)) == len(binarised(tree, direction="right", find_head=find_head)) == len(tree)
    unary = tree_of("(X " * n_words + "w" + ")" * n_words)
    assert len(split(joined(unary))) == n_words
    assert joined(unary).labels == ["+".join("X" * n_words)]


def test_cleaned_cuts_functions_roots_and_traces() -> None:
    (found,) = parsed("(ROOT (S (NP-SBJ-1 (NN rain)) (VP=2 (VBZ falls) (NP (-NONE- *T*-1))) (-LRB- -LRB-) (X a\\/b-RSB-)))")
    clean = cleaned(found, functions="cut", roots={"ROOT"})
    assert clean is not None
    assert to_brackets(clean.tree, clean.words) == "(S (NP (NN rain)) (VP (VBZ falls)) (-LRB- -LRB-) (X a/b]))"
    assert clean.words == ["rain", "falls", "(", "a/b]"]
    kept = cleaned(found, functions="keep", roots=set())
    assert kept is not None
    assert kept.tree.labels[-1] == "ROOT"
    assert "NP-SBJ-1" in kept.tree.labels


def test_cleaned_returns_none_for_traces_alone() -> None:
    (found,) = parsed("(S (NP (-NONE- *)))")
    assert cleaned(found, functions="cut", roots=set()) is None


@pytest.mark.parametrize(
    ("label", "plain"), [("NP-SBJ", "NP"), ("VP=2", "VP"), ("-LRB-", "-LRB-"), ("PRT|ADVP", "PRT"), ("S", "S")]
)
def test_without_function(label: str, plain: str) -> None:
    assert without_function(label) == plain


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("right", "(S (a w0) (@S (b w1) (@S (VP w2) (@S (c w3) (d w4)))))"),
        ("left", "(S (@S (@S (@S (a w0) (b w1)) (VP w2)) (c w3)) (d w4))"),
        ("head", "(S (a w0) (@S (b w1) (@S (@S (VP w2) (c w3)) (d w4))))"),
        ("none", "(S (a w0) (b w1) (VP w2) (c w3) (d w4))"),
    ],
)
def test_binarised(direction: str, expected: str) -> None:
    tree = tree_of("(S (a w0) (b w1) (VP w2) (c w3) (d w4))")
    assert shown(binarised(tree, direction=direction, find_head=find_head)) == expected


@pytest.mark.parametrize("direction", ["left", "right", "head"])
def test_shapes_can_be_undone(grow: Callable[..., Tree], direction: str) -> None:
    random = Random(2)
    for n_words in range(1, 25):
        tree = grow(random, n_words, most=7)
        labels = [random.choice(["a", "b+c", "\\", "\\+", "+", "", "a\\"]) for _ in tree.labels]
        odd = Tree(parents=tree.parents, words=tree.words, labels=labels, is_made=tree.is_made)
        narrow = joined(odd)
        assert all(len(below) != 1 for below in narrow.children)
        binary = binarised(narrow, direction=direction, find_head=find_head)
        assert max(map(len, binary.children)) <= 2
        assert binary.words[binary.is_leaf].tolist() == list(range(n_words))
        back = split(unbinarised(binary))
        assert (back.labels, back.parents.tolist(), back.words.tolist()) == (labels, tree.parents.tolist(), tree.words.tolist())


def test_binarised_refuses_other_directions() -> None:
    with pytest.raises(ConfigError, match="binarize is 'up'; expected one of none, left, right, head"):
        binarised(tree_of(CAT), direction="up", find_head=find_head)


@pytest.mark.parametrize(
    ("label", "children", "head"),
    [
        ("S", ["NP", "VP", "."], 1),
        ("VP", ["MD", "RB", "VP"], 0),
        ("NP", ["DT", "JJ", "NN", "NN"], 3),
        ("PP", ["IN", "NP"], 0),
        ("S+VP", ["TO", "VP"], 0),
        ("nsubj", ["det", "head", "nmod"], 1),
        ("?", ["a", "b"], 0),
        ("S", ["NP-SBJ", "VP+VB"], 1),
    ],
)
def test_find_head(label: str, children: list[str], head: int) -> None:
    assert find_head(label, children) == head


def test_from_heads_puts_words_among_their_dependents() -> None:
    tree = from_heads([2, 3, 0, 3], ["det", "nsubj", "root", "punct"])
    assert shown(tree) == "(root (nsubj (det w0) (head w1)) (head w2) (punct w3))"


def test_from_heads_keeps_crossing_trees() -> None:
    tree = from_heads([3, 0, 2, 1], ["a", "root", "b", "c"])
    assert tree.words[tree.is_leaf].tolist() == [1, 0, 3, 2]
    assert shown(tree) == "(root (head w1) (b (a (head w0) (c w3)) (head w2)))"
    assert tree.spans[-1].tolist() == [0, 4]


def test_from_heads_joins_several_roots() -> None:
    assert shown(from_heads([0, 0], ["a", "b"])) == "((a w0) (b w1))"
    assert len(from_heads([], [])) == 0


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        ([2, 1, 0], "contain a cycle"),
        ([0, 5], "word 2 has head 5; expected an integer from 0 to 2"),
        ([None], "word 1 has head None"),
        (["0"], "word 1 has head '0'; expected an integer"),
        ([0.0], r"word 1 has head 0\.0; expected an integer"),
        ([0, True], "word 2 has head True; expected an integer"),
    ],
)
def test_from_heads_refuses_invalid_trees(heads: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_heads(heads, ["x"] * len(heads))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("balanced", "(((_ w0) (_ w1)) ((_ w2) (_ w3)))"),
        ("left", "((((_ w0) (_ w1)) (_ w2)) (_ w3))"),
        ("right", "((_ w0) ((_ w1) ((_ w2) (_ w3))))"),
    ],
)
def test_branching(shape: str, expected: str) -> None:
    assert shown(branching(4, shape=shape)) == expected


def test_branching_of_few_and_many_words() -> None:
    assert len(branching(0, shape="left")) == 0
    assert len(branching(1, shape="balanced")) == 1
    assert int(branching(1024, shape="balanced").heights[-1]) == 10
    assert np.array_equal(np.sort(branching(10_000, shape="right").words)[-10_000:], np.arange(10_000))
    with pytest.raises(ConfigError, match="shape is 'up'; expected one of balanced, left, right"):
        branching(3, shape="up")
