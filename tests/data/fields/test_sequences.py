from typing import Any

import numpy as np
import pytest

from seqlab.data.columns import Columns, string_records
from seqlab.data.fields import NO_TARGET, LabelSequenceField
from seqlab.errors import DataError

ROWS = [["b", "a", "b"], [], ["c"], ["b", "a"]]


def columns(rows: list[Any], **others: list[Any]) -> Columns:
    return string_records({"id": [f"r{i}" for i in range(len(rows))], "labels": rows, **others})


def fitted(alternatives: str | None = None) -> LabelSequenceField:
    field = LabelSequenceField(column="labels", alternatives=alternatives)
    field.fit(columns(ROWS))
    return field


def test_labels_come_most_frequent_first() -> None:
    assert fitted().labels == ["b", "a", "c"]


def test_sequences_are_padded_and_counted() -> None:
    found = fitted().encode(columns(ROWS)).collate(np.arange(4))
    assert found.labels.tolist() == [[0, 1, 0], [NO_TARGET] * 3, [2, NO_TARGET, NO_TARGET], [0, 1, NO_TARGET]]
    assert found.n_labels.tolist() == [3, 0, 1, 2]


def test_sequences_are_not_aligned_with_the_steps() -> None:
    assert fitted().encode(columns(ROWS)).lengths is None


def test_labels_unseen_in_training_keep_their_places() -> None:
    found = fitted().encode(columns([["a", "new", "b"], ["new"]])).collate(np.arange(2))
    assert found.labels.tolist() == [[1, NO_TARGET, 0], [NO_TARGET, NO_TARGET, NO_TARGET]]
    assert found.n_labels.tolist() == [3, 1]


def test_records_without_any_label_are_encoded() -> None:
    found = fitted().encode(columns([[], []])).collate(np.arange(2))
    assert found.labels.tolist() == [[NO_TARGET]] * 2
    assert found.n_labels.tolist() == [0, 0]


def test_gold_is_the_labels_then_the_alternatives() -> None:
    records = columns([["a", "b"], ["c"], []], others=[["b a", "a"], [], [""]])
    assert fitted("others").gold(records) == [[["a", "b"], ["b", "a"], ["a"]], [["c"]], [[], []]]
    assert fitted().gold(records) == [[["a", "b"]], [["c"]], [[]]]


def test_gold_of_records_without_alternatives_is_their_labels() -> None:
    assert fitted("others").gold(columns([["a"], []])) == [[["a"]], [[]]]
    assert fitted("others").gold(columns([["a"], []], others=[[], []])) == [[["a"]], [[]]]


def test_alternatives_are_no_part_of_what_is_learned() -> None:
    field = LabelSequenceField(column="labels", alternatives="others")
    field.fit(columns([["a"]], others=[["z z"]]))
    assert field.labels == ["a"]


def test_training_without_any_label_is_refused() -> None:
    with pytest.raises(DataError, match=r"column 'labels' has no label in the training records"):
        LabelSequenceField(column="labels", alternatives=None).fit(columns([[], []]))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a b", "c"], r"column 'labels' holds string; expected a list of labels per record"),
        ([[1], [2]], r"column 'labels' holds list<.*int64>; expected strings or lists of strings"),
        ([["a"], None], r"record 'r1' has no value in column 'labels'"),
        ([["a", None]], r"record 'r0', step 1, has an empty \(null\) value in column 'labels'"),
    ],
    ids=["strings", "numbers", "null", "null inside"],
)
def test_columns_of_something_else_are_refused(rows: list[Any], message: str) -> None:
    field = LabelSequenceField(column="labels", alternatives=None)
    with pytest.raises(DataError, match=message):
        field.fit(columns(rows))
    with pytest.raises(DataError, match=message):
        fitted().encode(columns(rows))
    with pytest.raises(DataError, match=message):
        fitted().gold(columns(rows))


def test_records_without_the_column_are_refused() -> None:
    with pytest.raises(DataError, match=r"no column 'labels'; they have id"):
        fitted().encode(string_records({"id": ["r0"]}))
