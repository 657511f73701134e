"""Labels of trees follow from their words and operators, and only test trees nest operators under negation."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeAlias

import datasets
import pytest

SPLITS = ("train", "val", "test")
NEGATORS = {
    "not",
    "never",
    "hardly",
    "scarcely",
    "without",
    "no",
    "lacked",
    "failed",
    "far",
    "anything",
    "nobody",
    "neither",
}
INTENSIFIERS = {"very", "truly", "extremely", "really", "utterly"}
DIMINISHERS = {"somewhat", "slightly", "mildly", "fairly"}
Node = tuple[int, str, list["Node"]]
Sample: TypeAlias = Callable[..., datasets.Dataset]
Columns: TypeAlias = Callable[..., dict[str, list[Any]]]


def parse(tree: str) -> Node:
    """Return (label, word, children) of Penn brackets."""
    stack: list[Node] = [(0, "", [])]
    for piece in tree.replace("(", " ( ").replace(")", " ) ").split():
        if piece == "(":
            stack.append((-1, "", []))
        elif piece == ")":
            node = stack.pop()
            stack[-1][2].append(node)
        elif stack[-1][0] < 0:
            stack[-1] = (int(piece), "", stack[-1][2])
        else:
            stack[-1] = (stack[-1][0], piece, [])
    ((_, _, (root,)),) = stack
    return root


def leaves(node: Node) -> list[Node]:
    return [leaf for child in node[2] for leaf in leaves(child)] if node[2] else [node]


def nodes(node: Node) -> list[Node]:
    return [node, *(below for child in node[2] for below in nodes(child))]


def first_word(node: Node) -> str:
    """Return the word that opens a constituent, past a comma."""
    words = [leaf[1].lower() for leaf in leaves(node)]
    return words[1] if words[0] == "," else words[0]


def expected_score(left: Node, right: Node) -> int:
    """Return the score of a parent, worked out from its children's labels and the operators' words alone."""
    x, y = left[0] - 2, right[0] - 2
    sign = (y > 0) - (y < 0)
    operator = left[1].lower()
    if operator in NEGATORS:
        return -sign
    if operator in INTENSIFIERS:
        return max(-2, min(2, y + sign))
    if operator in DIMINISHERS:
        return sign
    if operator in ("but", "although", ","):
        return y
    if first_word(right) == "but" or (first_word(left) == "although" and leaves(right)[0][1] == ","):
        return y or x
    return (x or y) if first_word(right) == "although" else max(-2, min(2, x + y))


@pytest.mark.parametrize("split", SPLITS)
def test_trees_are_binary_over_the_tokens(sample: Sample, split: str) -> None:
    for row in sample("trees", split):
        tree = parse(row["tree"])
        assert [leaf[1] for leaf in leaves(tree)] == row["tokens"]
        assert {len(node[2]) for node in nodes(tree)} <= {0, 2}
        assert str(tree[0]) == row["label"]
        assert {node[0] for node in nodes(tree)} <= set(range(5))


@pytest.mark.parametrize("split", SPLITS)
def test_tree_labels_follow_from_the_children(sample: Sample, split: str) -> None:
    for row in sample("trees", split):
        for label, _, children in nodes(parse(row["tree"])):
            if children:
                assert label == expected_score(*children) + 2, row["tree"]


def in_post_order(node: Node, start: int = 0) -> list[dict[str, Any]]:
    """Return the nodes as segments, the words below the first one counted from `start`."""
    below: list[dict[str, Any]] = []
    for child in node[2]:
        below += in_post_order(child, below[-1]["end"] if below else start)
    return [*below, {"start": start, "end": start + len(leaves(node)), "label": str(node[0])}]


@pytest.mark.parametrize("split", SPLITS)
def test_segments_are_the_nodes_in_post_order(sample: Sample, split: str) -> None:
    for row in sample("trees", split):
        assert row["segments"] == in_post_order(parse(row["tree"]))


def test_structures_are_unseen_in_the_test_split_alone(columns: Columns) -> None:
    for split in SPLITS:
        structures, trees = columns("trees", split)["structure"], columns("trees", split)["tree"]
        assert set(structures) == ({"seen", "unseen"} if split == "test" else {"seen"})
        nested = [s for s, tree in zip(structures, trees, strict=True) if has_operator_under_negator(parse(tree))]
        assert set(nested) <= {"unseen"}


def test_tree_words_have_one_label_each(sample: Sample) -> None:
    labels = defaultdict(set)
    for row in sample("trees", "train", 500):
        for label, word, _ in leaves(parse(row["tree"])):
            labels[word.lower()].add(label)
    assert {word for word, seen in labels.items() if len(seen) > 1} == set()
    assert all(labels[operator] == {2} for operator in NEGATORS | INTENSIFIERS | DIMINISHERS)


def has_operator_under_negator(tree: Node) -> bool:
    inner = NEGATORS | INTENSIFIERS | DIMINISHERS
    scopes = [node[2][1] for node in nodes(tree) if node[2] and node[2][0][1].lower() in NEGATORS]
    return any(leaf[1].lower() in inner for scope in scopes for leaf in leaves(scope))


def test_only_test_trees_nest_operators_under_negation(columns: Columns) -> None:
    shares = {
        split: sum(has_operator_under_negator(parse(tree)) for tree in columns("trees", split)["tree"]) / 200
        for split in SPLITS
    }
    assert shares["train"] == shares["val"] == 0
    assert shares["test"] > 0.2


def test_summed_word_scores_miss_most_roots(columns: Columns) -> None:
    trees = [parse(tree) for tree in columns("trees", "test")["tree"]]
    sums = [max(-2, min(2, sum(leaf[0] - 2 for leaf in leaves(tree)))) + 2 for tree in trees]
    right = sum(total == tree[0] for total, tree in zip(sums, trees, strict=True)) / len(trees)
    assert 0.25 < right < 0.5
