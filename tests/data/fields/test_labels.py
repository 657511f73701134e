import numpy as np
import pytest

from seqlab.data.columns import string_records
from seqlab.data.fields import NO_TARGET, LabelField, MultiLabelField
from seqlab.errors import DataError


def test_labels_come_most_frequent_first_and_ties_in_alphabetical_order() -> None:
    field = LabelField(column="label")
    field.fit(string_records({"label": ["b", "c", "a", "b", "c", "c"]}))
    assert field.labels == ["c", "b", "a"]
    ids = field.encode(string_records({"label": ["a", "new", "c"]})).collate(np.arange(3))
    assert ids.tolist() == [2, NO_TARGET, 0]


def test_several_labels_are_refused_for_a_single_label() -> None:
    columns = string_records({"id": ["r1", "r2"], "label": [["a"], ["a", "b"]]})
    field = LabelField(column="label")
    field.fit(columns)
    with pytest.raises(DataError, match=r"record 'r2' has 2 labels in column 'label'; expected one .*head=multilabel"):
        field.encode(columns)


def test_no_label_is_refused_for_a_single_label() -> None:
    columns = string_records({"id": ["r1", "r2"], "label": [["a"], []]})
    field = LabelField(column="label")
    field.fit(columns)
    with pytest.raises(DataError, match=r"record 'r2' has 0 labels"):
        field.encode(columns)


def test_several_labels_become_a_row_of_zeros_and_ones() -> None:
    columns = string_records({"label": [["a", "b"], [], ["b"], ["b", "b", "a"]]})
    field = MultiLabelField(column="label")
    field.fit(columns)
    assert field.labels == ["b", "a"]
    assert field.encode(columns).collate(np.asarray([3, 1, 2, 0])).tolist() == [[1, 1], [0, 0], [1, 0], [1, 1]]
    unseen = string_records({"label": [["z", "a"], ["z"]]})
    assert field.encode(unseen).collate(np.arange(2)).tolist() == [[0, 1], [0, 0]]


def test_one_label_a_record_is_a_row_with_one() -> None:
    columns = string_records({"label": ["a", "b", "a"]})
    field = MultiLabelField(column="label")
    field.fit(columns)
    assert field.encode(columns).collate(np.arange(3)).tolist() == [[1, 0], [0, 1], [1, 0]]


@pytest.mark.parametrize("kind", [LabelField, MultiLabelField])
def test_training_without_any_label_is_refused(kind: type[LabelField] | type[MultiLabelField]) -> None:
    with pytest.raises(DataError, match=r"column 'label' has no label in the training records"):
        kind(column="label").fit(string_records({"label": [[], []]}))
