"""Trees as columns of records: readers, fields and forests."""

import io
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from seqlab_recnn.data.fields import NodeLabelField, TreeField
from seqlab_recnn.data.forest import TIED, EncodedTrees
from seqlab_recnn.data.readers import BracketReader, ParallelTreesReader
from seqlab_recnn.data.sources import BracketTrees, BranchingTrees, DependencyTrees, Trees
from seqlab_recnn.trees.tree import Tree

from seqlab.data.columns import string_records
from seqlab.data.fields import NO_TARGET
from seqlab.data.formats import format_of
from seqlab.data.readers import ConlluReader
from seqlab.errors import ConfigError, DataError
from seqlab.inference.choose import InputChoice

TREES = ["(S (NP (D the) (N cat)) (V sat))", "(N rain)", "(S (NP (D a) (J big) (N dog)) (VP (V ran)))"]
TOKENS = [["the", "cat", "sat"], ["rain"], ["a", "big", "dog", "ran"]]
CONLLU = """# text = It fell .
1	It	it	PRON	_	_	2	nsubj	_	_
2	fell	fall	VERB	_	_	0	root	_	_
3	.	.	PUNCT	_	_	2	punct	_	_

1	Rain	rain	NOUN	_	_	0	root	_	_

"""
PTB = "(ROOT\n (S (NP-SBJ (PRP It))\n  (VP (VBD fell)) (. .)))\n\n(ROOT (NP (NN Rain)))\n"


def brackets(**changes: Any) -> BracketTrees:
    settings = {"column": "tree", "words": "tokens", "fallback": None, "unary": "join", "binarize": "right"}
    return BracketTrees(**(settings | changes))


def columns_of(trees: list[str] = TREES, tokens: list[list[str]] = TOKENS) -> Any:
    return string_records({"id": [f"r{i}" for i in range(len(trees))], "tree": trees, "tokens": tokens})


def field_of(trees: Trees | None = None, *, productions: str = "none", min_count: int = 1) -> TreeField:
    return TreeField(trees=trees or brackets(), productions=productions, min_count=min_count)


def parents_in(forest: Any) -> dict[int, list[int]]:
    """Return the children of each row of the forest."""
    found: dict[int, list[int]] = {}
    for parent, child in zip(forest.parents.tolist(), forest.children.tolist(), strict=True):
        found.setdefault(parent, []).append(child)
    return found


def test_forest_is_the_trees(grow: Callable[..., Tree]) -> None:
    random = Random(1)
    trees = [grow(random, random.randint(1, 9)) for _ in range(20)]
    encoded = EncodedTrees(
        trees, [[0 if leaf else len(label) for label, leaf in zip(t.labels, t.is_leaf, strict=True)] for t in trees]
    )
    chosen = np.asarray([4, 0, 19, 4])
    forest = encoded.collate(chosen)
    below = parents_in(forest)
    assert forest.lengths.tolist() == [len(trees[row]) for row in chosen]
    for record, tree in enumerate(trees[row] for row in chosen):
        rows = forest.rows[record].tolist()
        assert rows[len(tree) :] == [forest.n_rows] * (forest.rows.shape[1] - len(tree))
        for node, children in enumerate(tree.children):
            assert below.get(rows[node], []) == [rows[child] for child in children]
        assert forest.covers[record, : len(tree)].tolist() == tree.spans.tolist()
        for word in range(tree.n_words):
            row = int(forest.leaf_rows[record, word])
            assert (int(forest.records[row]), int(forest.words[row])) == (record, word)
        assert forest.depths[forest.rows[record, : len(tree)]].tolist() == tree.depths.tolist()


def test_levels_stand_on_lower_rows(grow: Callable[..., Tree]) -> None:
    random = Random(2)
    trees = [grow(random, 8) for _ in range(10)]
    productions = [[0 if leaf else ord(label) for label, leaf in zip(t.labels, t.is_leaf, strict=True)] for t in trees]
    forest = EncodedTrees(trees, productions).collate(np.arange(10))
    for level in forest.levels():
        assert int(level.children.max()) < level.nodes.start
        assert sorted(set(level.parents.tolist())) == list(range(level.n_nodes))
        counts = torch.bincount(level.parents)
        assert (int(counts.min()), int(counts.max())) == level.arity
        assert [group.nodes.stop for group in level.groups[:-1]] == [group.nodes.start for group in level.groups[1:]]
        assert level.groups[-1].nodes.stop == level.n_nodes
        assert len({group.production for group in level.groups}) == len(level.groups)
        for group in level.groups:
            part = level.part(group)
            assert part.parents.tolist() == (level.parents[group.edges] - group.nodes.start).tolist()


def test_forest_of_empty_records() -> None:
    trees = BranchingTrees(column="tokens", shape="left").read(string_records({"tokens": [[], ["a"], []]}))
    forest = EncodedTrees(trees, [[0] * len(tree) for tree in trees]).collate(np.arange(3))
    assert forest.lengths.tolist() == [0, 1, 0]
    assert forest.levels() == []
    empty = EncodedTrees(trees, [[0] * len(tree) for tree in trees]).collate(np.asarray([0, 2]))
    assert empty.n_rows == 0
    assert empty.rows.tolist() == [[0], [0]]


def test_tree_field_counts_productions() -> None:
    field = field_of(brackets(unary="keep", binarize="none"), productions="rule", min_count=2)
    field.fit(columns_of([*TREES, *TREES[:1]], [*TOKENS, *TOKENS[:1]]))
    assert field.known == ["NP -> D N", "S -> NP V"]
    encoded = field.encode(columns_of())
    assert encoded.productions.values.tolist() == [TIED, TIED, 1, TIED, 2, TIED, *[TIED] * 7]
    other = field_of(productions="label")
    other.fit(columns_of())
    assert other.known == ["NP", "S"]
    assert encoded.lengths.tolist() == [3, 1, 4]
    restored = field_of(productions="label")
    restored.restore(other.state(), {})
    assert restored.known == other.known
    with pytest.raises(ConfigError, match=r"productions is 'x'; expected one of none, shape, label, rule"):
        field_of(productions="x")


def test_shapes_are_the_same_whatever_the_labels() -> None:
    field = field_of(productions="shape")
    field.fit(columns_of())
    assert field.known == ["phrase word", "made word word", "word phrase", "word word"]
    other = [tree.translate(str.maketrans("SNPVDJ", "XYXYXY")) for tree in TREES]
    assert field.encode(columns_of(other)).productions.values.tolist() == field.encode(columns_of()).productions.values.tolist()


@pytest.mark.parametrize("productions", ["label", "rule"])
def test_labels_to_learn_must_be_hidden_from_the_encoder(productions: str) -> None:
    with pytest.raises(ConfigError, match=f"productions is '{productions}', which shows the encoder the labels that heads"):
        NodeLabelField(trees=brackets(), nodes="all", productions=productions)


def test_node_labels_leave_out_what_has_none() -> None:
    labels = NodeLabelField(trees=brackets(), nodes="inner", productions="none")
    labels.fit(columns_of())
    assert labels.tags == ["NP", "S"]
    assert labels.gold(columns_of())[2] == ["", "", "", "", "NP", "", "S"]
    rows = labels.encode(columns_of()).collate(np.arange(3))
    assert rows[2].tolist() == [NO_TARGET] * 4 + [0, NO_TARGET, 1]
    assert labels.readings("") == []
    with pytest.raises(ConfigError, match="nodes is 'leaves'; expected all or inner"):
        NodeLabelField(trees=brackets(), nodes="leaves", productions="none")
    with pytest.raises(DataError, match="column 'tree' has no node labels"):
        NodeLabelField(trees=brackets(), nodes="inner", productions="none").fit(columns_of(["((_ a) (_ b))"], [["a", "b"]]))


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ("(S (NP a b)", r"record 'r0', column 'tree': 1 bracket\(s\), the first opened here, are never closed"),
        ("(S a b)", "the tree has 2 leaves for 1 words in 'tokens'; expected one per word"),
        ("(S a) (S b)", "2 trees; expected one"),
        ("", "no tree; add one, or set encoder.tree.trees.fallback=balanced"),
    ],
)
def test_bracket_trees_report_mistakes(tree: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        brackets().read(columns_of([tree], [["a"]]))


@pytest.mark.parametrize("trees", [[[], ["(R (x c) (y d))", "(S (x c) (y d))"]], [["(S (x a) (y b))"]] * 2, [[], []]])
def test_bracket_trees_are_one_string_per_record(trees: list[list[str]]) -> None:
    columns = string_records({"id": ["r0", "r1"], "tree": trees, "tokens": [["a", "b"], ["c", "d"]]})
    with pytest.raises(DataError, match="record 'r0': column 'tree' contains lists; expected one string per record"):
        brackets(fallback="balanced").read(columns)


def test_bracket_trees_fall_back() -> None:
    (tree,) = brackets(fallback="left").read(columns_of([""], [["a", "b", "c"]]))
    assert tree.parents.tolist() == [2, 2, 4, 4, -1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unary": "cut"}, r"trees\.unary is 'cut'; expected one of keep, join"),
        ({"binarize": "up"}, r"trees\.binarize is 'up'; expected one of none, left, right, head"),
        ({"fallback": "up"}, r"trees\.fallback is 'up'; expected one of balanced, left, right"),
    ],
)
def test_settings_of_trees_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        brackets(**settings)


def test_dependency_trees_name_the_record() -> None:
    trees = DependencyTrees(column="heads", relations="deprel", unary="join", binarize="none")
    records = {"id": ["a", "b"], "heads": [[0, 1], [2, 1]], "deprel": [["root", "x"], ["x", "y"]]}
    with pytest.raises(DataError, match=r"record 'b', column 'heads': the heads \[2, 1\] contain a cycle"):
        trees.read(string_records(records))


@pytest.mark.parametrize(
    ("heads", "relations", "message"),
    [
        ([2, 0], ["x", None], "word 2 has relation None in 'deprel'; expected a string"),
        ([2, 0], [1, 2], "word 1 has relation 1 in 'deprel'; expected a string"),
        ([2, 0], ["x"], "1 relations in 'deprel' for 2 heads; expected one per head"),
        ([2, 0], ["x", "y", "z"], "3 relations in 'deprel' for 2 heads; expected one per head"),
        ([2, 0], "xy", "'deprel' is 'xy'; expected a list with one value per word"),
        (2, ["x", "y"], "'heads' is 2; expected a list with one value per word"),
        (["2", "0"], ["x", "y"], "word 1 has head '2'; expected an integer from 0 to 2"),
        ([2.0, 0.0], ["x", "y"], r"word 1 has head 2\.0; expected an integer from 0 to 2"),
    ],
)
def test_dependency_trees_report_invalid_heads_and_relations(heads: object, relations: object, message: str) -> None:
    trees = DependencyTrees(column="heads", relations="deprel", unary="join", binarize="none")
    with pytest.raises(DataError, match=f"record 'b', column 'heads': {message}"):
        trees.read(string_records({"id": ["b"], "heads": [heads], "deprel": [relations]}))


def test_bracket_reader_gives_all_columns(tmp_path: Path) -> None:
    path = tmp_path / "train.ptb"
    path.write_text(PTB)
    first, second = BracketReader(functions="cut", roots=["ROOT"]).read(path).to_list()
    assert first == {
        "id": "train-1",
        "line": 1,
        "tokens": ["It", "fell", "."],
        "tags": ["PRP", "VBD", "."],
        "tree": "(S (NP (PRP It)) (VP (VBD fell)) (. .))",
        "label": "S",
        "segments": [
            {"start": 0, "end": 1, "label": "NP"},
            {"start": 1, "end": 2, "label": "VP"},
            {"start": 0, "end": 3, "label": "S"},
        ],
    }
    assert (second["tree"], second["line"]) == ("(NP (NN Rain))", 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n(S (NP a)", "train.ptb:2: 1 bracket"),
        ("(S\n (NP ))", r"train.ptb:2: \(NP\) contains no word"),
        ("", "train.ptb:1: the file has no tree"),
        ("(S (-NONE- *))", "train.ptb:1: the tree has only traces"),
    ],
)
def test_bracket_reader_reports_path_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "train.ptb"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        BracketReader(functions="cut", roots=[]).read(path)
    with pytest.raises(ConfigError, match="functions is 'x'; expected one of keep, cut"):
        BracketReader(functions="x", roots=[])


def parallel() -> ParallelTreesReader:
    reader = ConlluReader(tags_column="upos", comment_columns={}, entity_key=None)
    return ParallelTreesReader(reader=reader, suffix=".ptb", functions="cut", roots=["ROOT"])


def test_parallel_trees_join_their_sentences(tmp_path: Path) -> None:
    (tmp_path / "dev.conllu").write_text(CONLLU)
    (tmp_path / "dev.ptb").write_text(PTB)
    records = parallel().read(tmp_path / "dev.conllu")
    assert records["tree"][:] == ["(S (NP (PRP It)) (VP (VBD fell)) (. .))", "(NP (NN Rain))"]
    assert records["tags"][:] == [["PRON", "VERB", "PUNCT"], ["NOUN"]]


@pytest.mark.parametrize(
    ("ptb", "message"),
    [
        ("(S (X It) (Y fell) (Z .))", r"dev.ptb:1: record 2 has no tree; expected one tree per record"),
        (PTB + "(X more)", r"dev.ptb:6: tree 3 has no record; expected one tree per record"),
        (PTB.replace("fell", "rose"), r"dev.ptb:1: tree 1 has the words 'It rose \.', but record 1 has 'It fell \.'"),
    ],
)
def test_parallel_trees_must_fit(tmp_path: Path, ptb: str, message: str) -> None:
    (tmp_path / "dev.conllu").write_text(CONLLU)
    (tmp_path / "dev.ptb").write_text(ptb)
    with pytest.raises(DataError, match=message):
        parallel().read(tmp_path / "dev.conllu")


def test_gum_has_its_words(request: pytest.FixtureRequest) -> None:
    folder = request.config.rootpath.parent / "shared" / "data" / "gum"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data/gum")
    records = parallel().read(folder / "gum-dev.conllu")
    assert len(records) == 412
    trees = BracketTrees(column="tree", words="tokens", fallback=None, unary="join", binarize="head")
    found = trees.read(string_records({"tree": records["tree"][:], "tokens": records["tokens"][:]}))
    assert sum(tree.n_words for tree in found) == 9_968
    assert max(len(below) for tree in found for below in tree.children) == 2


def test_trees_of_the_same_columns_are_read_once_for_each_shape() -> None:
    columns = columns_of()
    assert brackets().read(columns) is brackets().read(columns)
    assert [len(tree) for tree in brackets(binarize="none").read(columns)] != [len(tree) for tree in brackets().read(columns)]


def test_trees_are_an_input_to_label(tmp_path: Path) -> None:
    path = tmp_path / "x.mrg"
    path.write_text(PTB, encoding="utf-8")
    assert format_of(path) == "trees"
    (chunk,) = InputChoice(path=path, reader={}, needed=("tokens", "tree")).format("trees").read(io.BytesIO(), name="x")
    assert [record["tokens"] for record in chunk.records] == [["It", "fell", "."], ["Rain"]]
    assert chunk.records[1]["tree"] == "(NP (NN Rain))"
    assert chunk.numbers == [1, 5]
