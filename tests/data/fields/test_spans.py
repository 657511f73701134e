import numpy as np
import pytest

from seqlab.data.batch import EncodedRecords
from seqlab.data.columns import Columns, string_records
from seqlab.data.fields import NO_TARGET, CategoryField, LabelledSpans, SpanField
from seqlab.errors import DataError
from seqlab.testing import labelled_columns, strange_columns


def fitted(columns: Columns, *, column: str = "segments", scheme: str | None = None) -> SpanField:
    field = SpanField(column=column, scheme=scheme)
    field.fit(columns)
    return field


def test_labels_come_by_frequency_and_the_unknown_is_no_target() -> None:
    field = fitted(labelled_columns())
    assert field.labels == ["A", "B"]
    spans = field.encode(strange_columns()).collate(np.arange(3))
    assert isinstance(spans, LabelledSpans)
    assert spans.bounds.counts.tolist() == [1, 0, 3]
    assert spans.labels.tolist() == [[NO_TARGET] * 3, [NO_TARGET] * 3, [0, NO_TARGET, NO_TARGET]]


def test_gold_is_every_span_with_its_label_seen_or_not() -> None:
    field = fitted(labelled_columns())
    assert field.gold(strange_columns()) == [[((0, 3), "Z")], [], [((0, 1), "A"), ((1, 2), None), ((2, 3), "Z")]]


def test_spans_are_read_from_tags_as_well() -> None:
    columns = labelled_columns()
    field = fitted(columns, column="tags", scheme="BIO")
    assert field.gold(columns)[3] == [((0, 2), "A"), ((4, 5), "B")]


def test_a_span_beyond_the_record_is_refused() -> None:
    columns = string_records({"tokens": [["a", "b"]], "segments": [[{"start": 1, "end": 3, "label": "A"}]]})
    words = CategoryField(column="tokens", view="lower", min_count=1)
    words.fit(columns)
    encoded = {field.key: field.encode(columns) for field in (words, fitted(columns))}
    with pytest.raises(DataError, match=r"has 2 steps, but SpanField.* goes to step 3"):
        _ = EncodedRecords(encoded, columns=columns).lengths


def test_training_without_labels_is_refused() -> None:
    with pytest.raises(DataError, match="column 'segments' has no label in the training records"):
        fitted(string_records({"segments": [[{"start": 0, "end": 1, "label": None}]]}))
