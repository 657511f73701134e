"""Pictures of trees: who stands below whom, what is drawn, and that nothing of a record is taken for markup."""

import re
from xml.etree import ElementTree

import pytest

from seqlab.report.charts import Tree

SVG = "{http://www.w3.org/2000/svg}"
WORDS = ["<b>", "&", "sat down again"]
NODES = Tree(
    WORDS,
    [(0, 1), (1, 2), (0, 2), (2, 3), (0, 3)],
    ["D", "N", "NP", "V", "S"],
    [1.0, 0.5, 0.25, 1.0, 0.75],
    gold=[None] * 5,
)


def drawn(tree: Tree) -> ElementTree.Element:
    return ElementTree.fromstring(tree.svg())


def test_every_node_and_word_is_drawn() -> None:
    texts = [element.text for element in drawn(NODES).iter(f"{SVG}text")]
    assert texts == ["D", "1.00", "N", "0.50", "NP", "0.25", "V", "1.00", "S", "0.75", *WORDS]


def test_lines_join_children_to_parents_and_leaves_to_words() -> None:
    picture = drawn(NODES)
    lines = [[float(line.attrib[name]) for name in ("x1", "y1", "x2", "y2")] for line in picture.iter(f"{SVG}line")]
    boxes = [(float(b.attrib["x"]) + float(b.attrib["width"]) / 2, float(b.attrib["y"])) for b in picture.iter(f"{SVG}rect")]
    up = {(x1, y1): x2 for x1, y1, x2, y2 in lines if y2 < y1}
    assert {boxes.index(start): [x for x, _ in boxes].index(x2) for start, x2 in up.items()} == {0: 2, 1: 2, 2: 4, 3: 4}
    down = [x2 for x1, y1, x2, y2 in lines if y2 > y1]
    assert len(down) == len(WORDS)
    assert down == sorted(down)


def test_lower_nodes_stand_lower() -> None:
    ys = [float(box.attrib["y"]) for box in drawn(NODES).iter(f"{SVG}rect")]
    assert ys[0] == ys[1] > ys[2] == ys[3] > ys[4]


def test_only_crossing_branches_have_a_note() -> None:
    """The first word hangs from the last, across the root: (R (C A (head C)) (head R)), with R the word between."""
    bounds = [(0, 1), (2, 3), (0, 3), (1, 2), (0, 3)]
    picture = drawn(Tree(["a", "r", "c"], bounds, ["A", "head", "C", "head", "R"], [1.0] * 5, gold=[None] * 5))
    (note,) = [text for text in picture.iter(f"{SVG}text") if text.get("class") == "note"]
    assert note.text == "Some branches cross: lines follow the spans, so a few true parents differ."
    assert float(note.attrib["y"]) < float(picture.attrib["height"])
    assert not [text for text in drawn(NODES).iter(f"{SVG}text") if text.get("class") == "note"]


@pytest.mark.parametrize("n_words", [0, 1, 500])
def test_chains_of_any_length_fit(n_words: int) -> None:
    bounds = [(0, 1)] * min(n_words, 1)
    for end in range(2, n_words + 1):
        bounds += [(end - 1, end), (0, end)]
    n = len(bounds)
    picture = drawn(Tree([f"w{i}" for i in range(n_words)], bounds, ["X"] * n, [0.5] * n, gold=[None] * n))
    height = float(picture.attrib["height"])
    assert all(float(box.attrib["y"]) < height for box in picture.iter(f"{SVG}rect"))
    assert len(list(picture.iter(f"{SVG}rect"))) == max(0, 2 * n_words - 1)
    assert re.fullmatch(r"0 0 \d+ \d+", picture.attrib["viewBox"].replace("-", ""))
