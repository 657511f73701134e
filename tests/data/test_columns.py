import itertools
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.data.columns import Columns, Ragged, string_records
from seqlab.data.records import records_from_columns
from seqlab.errors import DataError

ROWS = st.lists(st.lists(st.sampled_from(["a", "b", "ü", "", "\n"]), max_size=5), min_size=1, max_size=6)


def ragged(*rows: list[int]) -> Ragged:
    values = np.asarray([value for row in rows for value in row], dtype=np.int64)
    return Ragged(values, np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64))


def strings_of(columns: Columns, name: str) -> list[list[str]]:
    strings = columns.strings(name)
    offsets = strings.codes.offsets
    flat = [strings.distinct[code] for code in strings.codes.values]
    return [flat[start:end] for start, end in itertools.pairwise(offsets)]


def test_padded_fills_short_rows() -> None:
    rows = ragged([11, 12, 13], [], [31])
    assert rows.padded(np.asarray([0, 1, 2]), padding=-1).tolist() == [[11, 12, 13], [-1, -1, -1], [31, -1, -1]]


def test_padded_takes_rows_in_the_order_asked_for() -> None:
    rows = ragged([11, 12, 13], [], [31])
    assert rows.padded(np.asarray([2, 1, 2]), padding=0).tolist() == [[31], [0], [31]]


def test_padded_gives_one_step_where_all_are_empty() -> None:
    assert ragged([], []).padded(np.asarray([0, 1]), padding=7).tolist() == [[7], [7]]
    assert ragged([], [21]).padded(np.asarray([0]), padding=7).tolist() == [[7]]


def test_padded_does_not_write_into_the_column() -> None:
    rows = ragged([11], [21, 22])
    rows.padded(np.asarray([0, 1]), padding=-1)
    assert rows.values.tolist() == [11, 21, 22]


def test_padded_keeps_features() -> None:
    frames = Ragged(np.arange(6, dtype=np.float32).reshape(3, 2), np.asarray([0, 2, 3]))
    assert frames.padded(np.asarray([1, 0]), padding=0.0).tolist() == [[[4, 5], [0, 0]], [[0, 1], [2, 3]]]


@given(ROWS)
def test_strings_return_every_value_in_its_place(rows: list[list[str]]) -> None:
    columns = Columns(records_from_columns({"tokens": rows}))
    assert strings_of(columns, "tokens") == rows
    counts = columns.strings("tokens").counts
    flat = [value for row in rows for value in row]
    assert {s: flat.count(s) for s in set(flat)} == dict(zip(columns.strings("tokens").distinct, counts.tolist(), strict=True))


@given(ROWS, st.data())
def test_strings_of_selected_records_are_theirs(rows: list[list[str]], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(range(len(rows))), max_size=5))
    columns = Columns(records_from_columns({"tokens": rows}).select(chosen))
    assert strings_of(columns, "tokens") == [rows[i] for i in chosen]


def test_strings_of_concatenated_records_are_theirs() -> None:
    parts = [records_from_columns({"tokens": rows}) for rows in ([["a"], []], [["b", "a"]])]
    columns = Columns(datasets.concatenate_datasets(parts))
    assert strings_of(columns, "tokens") == [["a"], [], ["b", "a"]]


def test_a_slice_that_starts_late_is_read_from_there() -> None:
    records = records_from_columns({"tokens": [["a", "b"], ["c"], ["d", "e"]]})
    assert strings_of(Columns(records.select(range(1, 3))), "tokens") == [["c"], ["d", "e"]]


def test_single_strings_are_rows_of_one() -> None:
    assert strings_of(string_records({"label": ["x", "y", "x"]}), "label") == [["x"], ["y"], ["x"]]


def test_large_strings_are_strings() -> None:
    table = pa.table({"tokens": pa.array([["a"], ["b", "c"]], pa.large_list(pa.large_string()))})
    columns = Columns(datasets.Dataset(datasets.table.InMemoryTable(table)))
    assert strings_of(columns, "tokens") == [["a"], ["b", "c"]]


@pytest.mark.parametrize("rows", [[], [[]], [[], []]])
def test_a_column_without_any_value_is_empty(rows: list[list[str]]) -> None:
    columns = Columns(datasets.Dataset.from_dict({"tokens": rows}))
    assert columns.strings("tokens").distinct == []
    assert len(columns) == len(rows)
    if rows:
        assert columns.strings("tokens").codes.lengths.tolist() == [0] * len(rows)


def test_each_column_is_read_once() -> None:
    columns = string_records({"label": ["x", "y"]})
    assert columns.strings("label") is columns.strings("label")


def test_a_missing_column_is_named_with_those_there_are() -> None:
    with pytest.raises(DataError, match=r"no column 'tags'; they have id, tokens"):
        string_records({"id": ["1"], "tokens": [["a"]]}).strings("tags")


def test_a_record_without_a_value_is_named() -> None:
    columns = string_records({"id": ["r1", "r2"], "label": ["x", None]})
    with pytest.raises(DataError, match=r"record 'r2' has no value in column 'label'"):
        columns.strings("label")


def test_a_null_inside_a_record_is_refused() -> None:
    with pytest.raises(DataError, match=r"record '0', step 1, has an empty \(null\) value in column 'tokens'"):
        string_records({"tokens": [["a", None]]}).strings("tokens")


@pytest.mark.parametrize("rows", [[1, 2], [[1.5], [2.5]]])
def test_a_column_of_numbers_is_refused_as_strings(rows: list[Any]) -> None:
    with pytest.raises(DataError, match=r"column 'tokens' holds .*; expected strings or lists of strings"):
        string_records({"tokens": rows}).strings("tokens")


def test_record_id_is_the_row_where_there_is_no_id() -> None:
    assert string_records({"label": ["x", "y"]}).record_id(1) == "1"
    assert string_records({"id": ["r1", "r2"]}).record_id(1) == "r2"


@pytest.mark.parametrize(("has", "hint"), [("label", r"head=\[sequence\]"), ("tokens", "set data.reader.columns.tags if")])
def test_a_missing_column_comes_with_what_to_do(has: str, hint: str) -> None:
    with pytest.raises(DataError, match=f"no column 'tags'; they have {has}; .*{hint}"):
        string_records({has: ["a"]}).arrow("tags")
