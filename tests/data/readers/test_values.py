"""Values of the wrong kind are refused alike by all readers, with their place and what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet
import pytest

from seqlab.data.readers import Reader
from seqlab.errors import DataError

Open = Callable[..., Reader]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ('"text": "in Oslo", "label": [[3, 7, 5]]', r"label is \[\[3, 7, 5\]\]; .*columns.spans=label"),
        ('"text": "in Oslo", "label": [[3, 7, "LOC"]]', r"label is \[\[3, 7, 'LOC'\]\]; .*columns.spans=label"),
        ('"text": "in Oslo", "label": [1, 2]', r"label is \[1, 2\]; .*columns.label=null leaves it out"),
        ('"text": "in Oslo", "label": ["a", null]', r"label is \['a', None\]"),
        ('"text": "in Oslo", "label": ""', "label is ''; expected a string"),
        ('"text": "in Oslo", "label": {"a": 1}', r"label is \{'a': 1\}"),
        ('"tokens": ["a"], "offsets": [[0, 1]], "spans": [[0, 1, "X"]]', "spans need a text"),
        ('"text": "a", "offsets": [[0, 1]]', "offsets without tokens"),
        ('"text": "a", "tokens": ["a"], "offsets": [[0, 9]]', r"offsets has \[0, 9\]; expected .* <= 1"),
        ('"tokens": ["a"], "segments": {"start": 0, "end": 1, "label": "A"}', "segments is .*; expected a list of"),
        ('"tokens": ["a"], "segments": [[0, 1, ""]]', r"span is \[0, 1, ''\]; .* a label that is not empty"),
        ('"text": "Hi Ada", "spans": [[3, 6, ""]]', r"span is \[3, 6, ''\]; .* a label that is not empty"),
        ('"tokens": ["a"], "heads": [99999999999]', r"heads is \[99999999999\]"),
        ('"tokens": ["a"], "comments": "b"', "comments is 'b'; expected a list of strings"),
        ('"tokens": ["a"], "tree": 3', "tree is 3; expected a string"),
        ('"tokens": "a b"', "tokens is 'a b'; expected a list of strings; correct or remove the record"),
    ],
)
def test_jsonl_names_line_value_and_remedy(open_reader: Open, tmp_path: Path, record: str, message: str) -> None:
    path = tmp_path / "x"
    path.write_text(f"\n{{{record}}}\n", encoding="utf-8")
    with pytest.raises(DataError, match=f"x:2: {message}"):
        open_reader("jsonl").read(path)


def test_jsonl_null_leaves_a_column_out(open_reader: Open, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text('{"text": "a", "label": [1]}\n', encoding="utf-8")
    assert "label" not in open_reader("jsonl", columns={"text": "text", "label": None}).read(path).column_names


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_jsonl_null_spans_are_no_spans(open_reader: Open, tmp_path: Path, order: tuple[int, int]) -> None:
    lines = ('{"text": "Hi Ada", "spans": [[3, 6, "PER"]]}', '{"text": "a b", "spans": null}')
    (tmp_path / "x").write_text("\n".join(lines[i] for i in order), encoding="utf-8")

    records = open_reader("jsonl").read(tmp_path / "x")

    assert [records["tags"][i] for i in order] == [["O", "B-PER"], ["O", "O"]]
    assert [len(records["segments"][i]) for i in order] == [1, 0]


def test_jsonl_names_missing_spans_by_their_key(open_reader: Open, tmp_path: Path) -> None:
    (tmp_path / "x").write_text('{"text": "Hi Ada", "spans": [[3, 6, "PER"]]}\n{"text": "a b"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"x:2: no spans; .*write \[\] for a record without spans"):
        open_reader("jsonl").read(tmp_path / "x")


def _saved(folder: Path, columns: dict[str, list[Any]], kinds: dict[str, Any] | None = None) -> Path:
    features = None if kinds is None else datasets.Features(kinds)
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(folder / "data")
    return folder / "data"


_NAMED = {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}


@pytest.mark.parametrize(("first", "second", "kind"), [('["a", "b"]', '"b"', "list"), ('"b"', '["a"]', "str")])
def test_jsonl_labels_are_all_lists_or_none(open_reader: Open, tmp_path: Path, first: str, second: str, kind: str) -> None:
    lines = [f'{{"text": "in Oslo", "label": {label}}}\n' for label in (first, second)]
    (tmp_path / "x").write_text("".join(lines), encoding="utf-8")
    with pytest.raises(DataError, match=rf"x:2: label is .*; expected a {kind}, as in the first record$"):
        open_reader("jsonl").read(tmp_path / "x")


@pytest.mark.parametrize(
    ("columns", "kinds", "message"),
    [
        ({"text": ["a", None]}, None, "text is None; expected a string"),
        ({"text": ["a", "b"], "label": [1, -1]}, _NAMED, "label is -1; expected a class from 0 to 1; .*data.splits.test=null"),
        ({"tokens": [["a"], ["a", None]]}, None, r"tokens is \['a', None\]; expected a list of strings"),
        ({"tokens": [["a"], ["a", "b"]], "tags": [["O"], ["O"]]}, None, "1 tags for 2 tokens"),
    ],
)
def test_hub_names_split_and_record(
    open_reader: Open, tmp_path: Path, columns: dict[str, list[Any]], kinds: dict[str, Any] | None, message: str
) -> None:
    reader = open_reader("hub", name=str(_saved(tmp_path, columns, kinds)), columns={name: name for name in columns})
    with pytest.raises(DataError, match=f"data: split 'train', record 2: {message}"):
        reader.read(Path("train"))


def test_hub_reads_tags_that_are_numbers_without_names(open_reader: Open, tmp_path: Path) -> None:
    name = str(_saved(tmp_path, {"tokens": [["a", "b"]], "tags": [[0, 7]], "label": [1.5]}))
    reader = open_reader("hub", name=name, columns={"tokens": "tokens", "tags": "tags", "label": "label"})
    assert reader.read(Path("train"))[0] == {"id": "train-1", "tokens": ["a", "b"], "tags": ["0", "7"], "label": 1.5}


def test_parquet_reads_lists_of_labels_and_refuses_other_kinds(open_reader: Open, tmp_path: Path) -> None:
    def read(text: Any, label: Any) -> Any:
        pa.parquet.write_table(pa.table({"text": [text], "label": [label]}), tmp_path / "x.parquet")
        return open_reader("parquet").read(tmp_path / "x.parquet")[0]["label"]

    assert (read("a", ["x", "y"]), read("a", True), read("a", 2)) == (["x", "y"], "True", "2")
    with pytest.raises(DataError, match=r"x.parquet:1: label is \[1\]; .*data.reader.label_column=null leaves it out"):
        read("a", [1])
    with pytest.raises(DataError, match=r"x.parquet:1: text is \['a'\]; expected a string"):
        read(["a"], "x")


@pytest.mark.parametrize(
    ("word_id", "head", "message"), [("1", "9" * 5000, "head is '9999"), ("1-" + "9" * 5000, "0", "id is '1-9999")]
)
def test_conllu_refuses_numbers_of_any_length(open_reader: Open, tmp_path: Path, word_id: str, head: str, message: str) -> None:
    rows = (f"{word_id}\ta\t_\tX\t_\t_\t{head}\t_\t_\t_", "1\ta\t_\tX\t_\t_\t0\t_\t_\t_")
    (tmp_path / "x").write_text("\n".join(rows), encoding="utf-8")
    with pytest.raises(DataError, match=f"x:1: {message}"):
        open_reader("conllu").read(tmp_path / "x")
