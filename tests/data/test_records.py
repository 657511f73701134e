import numpy as np
import pyarrow as pa
import pytest

from seqlab.data.records import nested_frames, records_from_columns
from seqlab.errors import DataError


def test_records_keep_values_and_order_of_columns() -> None:
    records = records_from_columns({"id": ["a", "b"], "tokens": [["x", "y"], []], "heads": [[2, None], []]})

    assert records.column_names == ["id", "tokens", "heads"]
    assert records[0] == {"id": "a", "tokens": ["x", "y"], "heads": [2, None]}
    assert records[1] == {"id": "b", "tokens": [], "heads": []}


def test_records_of_empty_sequences_still_hold_strings() -> None:
    features = records_from_columns({"id": ["a"], "tokens": [[]], "tags": [[]]}).features

    assert features["tokens"].feature.dtype == "string"
    assert features["tags"].feature.dtype == "string"


def test_records_take_labels_of_either_kind() -> None:
    assert records_from_columns({"label": ["a", "b"]})["label"][:] == ["a", "b"]
    assert records_from_columns({"label": [["a", "b"], []]})["label"][:] == [["a", "b"], []]


def test_records_refuse_columns_of_different_lengths() -> None:
    with pytest.raises(DataError, match=r"different lengths: \{'id': 1, 'tokens': 2\}"):
        records_from_columns({"id": ["a"], "tokens": [["x"], ["y"]]})


def test_records_refuse_unaligned_steps() -> None:
    with pytest.raises(DataError, match="record 1: tags has 1 values, tokens 2"):
        records_from_columns({"tokens": [["x"], ["y", "z"]], "tags": [["O"], ["O"]]})


@pytest.mark.parametrize("labels", [["a", ["b"]], ["a", 1]], ids=["lists and strings", "numbers and strings"])
def test_records_refuse_mixed_types(labels: list[object]) -> None:
    with pytest.raises(DataError, match="column label does not hold one type"):
        records_from_columns({"label": labels})


def test_nested_frames_keep_every_number_in_its_place() -> None:
    frames = [
        np.arange(6, dtype=np.float32).reshape(3, 2),
        np.zeros((0, 2), dtype=np.float32),
        np.full((1, 2), 9, dtype=np.float32),
    ]
    nested = nested_frames(frames)
    assert nested.to_pylist() == [[[0, 1], [2, 3], [4, 5]], [], [[9, 9]]]
    assert nested.type == pa.list_(pa.list_(pa.float32()))


def test_nested_frames_of_no_record_are_none() -> None:
    assert nested_frames([]).to_pylist() == []
    assert nested_frames([np.zeros((0, 3), dtype=np.float32)]).to_pylist() == [[]]
