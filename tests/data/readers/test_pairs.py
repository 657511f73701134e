"""Pairs of sentences out of tables and JSON lines."""

import json
from pathlib import Path
from typing import Any

import pytest

from seqlab.data.readers import PairsReader, Reader
from seqlab.errors import ConfigError, DataError
from seqlab.testing import ReaderContract

SICK: dict[str, str | None] = {
    "id": "pair_ID",
    "text": "sentence_A",
    "text_2": "sentence_B",
    "relatedness": "relatedness_score",
    "entailment": "entailment_judgment",
}
ROWS = (
    ("pair_ID", "sentence_A", "sentence_B", "relatedness_score", "entailment_judgment"),
    ("1", "A dog runs.", 'Two dogs "run"', "3.5", "NEUTRAL"),
    ("7", "Rain", "It's rain", "4", "ENTAILMENT"),
)


def reader(columns: dict[str, str | None] | None = None, **options: Any) -> PairsReader:
    return PairsReader(
        **{"columns": columns or SICK, "numbers": ["relatedness"], "separator": "auto", "quote": None, **options}
    )


def write(path: Path, rows: tuple[tuple[str, ...], ...]) -> Path:
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


class TestPairsReader(ReaderContract):
    def make(self) -> Reader:
        return reader()

    def write_sound(self, folder: Path) -> Path:
        return write(folder / "SICK_train.txt", ROWS)

    def expected(self) -> list[dict[str, Any]]:
        return [
            {
                "id": "1",
                "line": 2,
                "text": "A dog runs.",
                "tokens": ["A", "dog", "runs", "."],
                "tokens_2": ["Two", "dogs", '"', "run", '"'],
                "text_2": 'Two dogs "run"',
                "relatedness": 3.5,
                "entailment": "NEUTRAL",
            },
            {"id": "7", "tokens": ["Rain"], "relatedness": 4.0, "entailment": "ENTAILMENT"},
        ]

    def write_damaged(self, folder: Path) -> tuple[Path, int]:
        return write(folder / "pairs.tsv", (*ROWS, ("8", "a", "b", "high", "NEUTRAL"))), 4


def test_json_lines_give_the_same(tmp_path: Path) -> None:
    table = reader().read(write(tmp_path / "a.tsv", ROWS)).remove_columns("line").to_list()
    lines = [json.dumps(dict(zip(ROWS[0], row, strict=True))) for row in ROWS[1:]]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert reader().read(tmp_path / "a.jsonl").remove_columns("line").to_list() == table


def test_tokens_and_trees_are_taken_as_they_are(tmp_path: Path) -> None:
    columns: dict[str, str | None] = {"tokens": "a", "tokens_2": "b", "tree": "t", "tree_2": "t2", "text": None}
    path = write(tmp_path / "a.tsv", (("t", "a", "t2", "b"), ("(X x. y)", "x. y", "(Z z)", "z")))
    (found,) = reader(columns).read(path).to_list()
    assert (found["tokens"], found["tokens_2"]) == (["x.", "y"], ["z"])
    assert (found["tree"], found["tree_2"], found["id"]) == ("(X x. y)", "(Z z)", "a-1")
    (tmp_path / "b.jsonl").write_text('{"a": ["x.", "y"], "b": ["z"], "t": "(X x. y)", "t2": "(Z z)"}\n', encoding="utf-8")
    assert reader(columns).read(tmp_path / "b.jsonl")["tokens"][0] == ["x.", "y"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tsv", "pair_ID\tx\n1\t2\n", r"a\.tsv:1: no column 'sentence_A' among .*; set data\.reader\.columns\.text"),
        ("a.tsv", "", r"a\.tsv:1: the file holds no records"),
        ("a.tsv", "\t".join(ROWS[0]) + "\n1\t2\n", r"a\.tsv:2: 2 column\(s\); expected 5"),
        ("a.jsonl", "[1]\n", r"a\.jsonl:1: '\[1\]' is not an object; expected one with the keys pair_ID, sentence_A"),
        ("a.jsonl", "{\n", r"a\.jsonl:1: not JSON"),
        ("a.jsonl", '\n{"pair_ID": "1", "sentence_A": "\\ud800"}\n', r"a\.jsonl:2: '\\ud800' is half a surrogate pair"),
        ("a.jsonl", '{"pair_ID": "1"}\n', r"a\.jsonl:1: no 'sentence_A' among \['pair_ID'\]"),
        ("a.jsonl", '{"pair_ID": "1", "sentence_A": ["x"]}\n', r"sentence_A is \['x'\]; expected a string"),
        ("a.tsv", "\t".join(ROWS[0]) + "\n1\ta\tb\tnan\tN\n", r"a\.tsv:2: relatedness_score is 'nan'; expected a number"),
    ],
)
def test_faults_are_reported(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        reader().read(tmp_path / name)


def test_a_side_without_words_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected tokens_2 or text_2"):
        reader({"text": "a"})


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    columns = {**SICK, "entailment": None}
    assert reader(columns).unread(write(tmp_path / "a.tsv", ROWS)) == ["column 'entailment_judgment'"]
