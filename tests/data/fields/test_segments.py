import re

import numpy as np
import pytest

from seqlab.data.batch import EncodedRecords
from seqlab.data.columns import Columns, string_records
from seqlab.data.fields import CategoryField, SegmentBounds, SegmentBoundsField, SegmentLabelField
from seqlab.data.records import records_from_columns
from seqlab.errors import DataError

BOUNDARIES = [["B", "I", "O", "B"], ["O"], []]
TAGS = [["B-X", "I-X", "O", "B-Y"], ["B-X"], []]


def segments(*rows: list[tuple[int, int, str | None]]) -> Columns:
    structures = [[dict(zip(("start", "end", "label"), segment, strict=True)) for segment in row] for row in rows]
    tokens = [["w"] * max([1, *(end for _, end, _ in row)]) for row in rows]
    return Columns(records_from_columns({"tokens": tokens, "segments": structures}))


def test_bounds_come_in_the_order_given_with_gaps_and_overlaps() -> None:
    columns = segments([(4, 6, "B"), (0, 5, "A")], [])
    found = SegmentBoundsField("segments", None).encode(columns).collate(np.array([1, 0]))
    assert isinstance(found, SegmentBounds)
    assert found.counts.tolist() == [0, 2]
    assert found.starts.tolist() == [[0, 0], [4, 0]]
    assert found.ends.tolist() == [[0, 0], [6, 5]]


def test_bounds_are_read_from_a_column_of_boundaries() -> None:
    columns = string_records({"boundaries": BOUNDARIES, "tags": TAGS})
    bounds = SegmentBoundsField("boundaries", "BIO")
    found = bounds.encode(columns).collate(np.arange(3))
    assert isinstance(found, SegmentBounds)
    assert list(zip(found.starts[0].tolist(), found.ends[0].tolist(), strict=True)) == [(0, 2), (3, 4)]
    assert found.counts.tolist() == [2, 0, 0]
    target = SegmentLabelField("tags", "BIO", bounds)
    assert target.gold(columns) == [["X", "Y"], [], []]


def test_a_segment_has_the_label_of_the_span_with_its_bounds_or_none() -> None:
    columns = string_records({"boundaries": [["B", "I", "B", "I"]], "tags": [["B-X", "I-X", "B-Y", "B-Z"]]})
    target = SegmentLabelField("tags", "BIO", SegmentBoundsField("boundaries", "BIO"))
    assert target.gold(columns) == [["X", None]]
    target.fit(columns)
    assert target.encode(columns).ids.values.tolist() == [0, -1]


def test_segments_with_the_same_bounds_have_their_own_labels() -> None:
    segments = [{"start": 0, "end": 1, "label": label} for label in ("NP", "VP", "PP")]
    columns = string_records({"tokens": [["a", "b"]], "segments": [segments]})
    field = SegmentLabelField("segments", None, SegmentBoundsField("segments", None))
    assert field.gold(columns) == [["NP", "VP", "PP"]]


def test_labels_are_numbered_from_the_most_frequent_one() -> None:
    target = SegmentLabelField("segments", None)
    target.fit(segments([(0, 1, "rare"), (1, 2, "often")], [(0, 1, "often"), (0, 1, None)]))
    assert target.tags == ["often", "rare"]


def test_segments_without_labels_are_no_targets() -> None:
    target = SegmentLabelField("segments", None)
    target.fit(segments([(0, 1, "A")]))
    assert target.encode(segments([(0, 1, None), (0, 1, "new"), (0, 1, "A")])).ids.values.tolist() == [-1, -1, 0]
    with pytest.raises(DataError, match="no labelled segment in the training records"):
        target.fit(segments([(0, 1, None)], []))


@pytest.mark.parametrize("bounds", [(-1, 2), (2, 2), (3, 2)])
def test_bounds_out_of_order_are_refused_by_record(bounds: tuple[int, int]) -> None:
    columns = segments([(0, 1, "A")], [(0, 2, "A"), (*bounds, "A")])
    message = f"record '1' has a segment in column 'segments' from {bounds[0]} to {bounds[1]}; expected 0 <= start < end"
    with pytest.raises(DataError, match=re.escape(message)):
        SegmentBoundsField("segments", None).encode(columns)


def test_a_segment_beyond_the_record_is_refused_by_record() -> None:
    records = records_from_columns({"id": ["p", "q"], "tokens": [["a"], ["a"]], "segments": [[], [{"start": 0, "end": 2}]]})
    fields = [SegmentBoundsField("segments", None), CategoryField(column="tokens", view="lower", min_count=1)]
    columns = Columns(records)
    fields[1].fit(columns)
    encoded = EncodedRecords({field.key: field.encode(columns) for field in fields}, columns=columns)
    with pytest.raises(DataError, match=r"record 'q' has 1 steps, but .* goes to step 2"):
        _ = encoded.lengths


def test_columns_of_something_else_are_refused() -> None:
    columns = string_records({"segments": [["a"]]})
    with pytest.raises(DataError, match="expected a list of segments, each with start, end and label"):
        SegmentBoundsField("segments", None).encode(columns)
