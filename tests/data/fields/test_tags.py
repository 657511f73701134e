import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.data.columns import Columns
from seqlab.data.fields import NO_TARGET, TagField
from seqlab.data.records import records_from_columns
from seqlab.data.schemes import get_scheme
from seqlab.errors import DataError

TAGS = st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B"])


def columns(*rows: list[str]) -> Columns:
    return Columns(records_from_columns({"tags": list(rows)}))


def fitted(*rows: list[str], scheme: str | None = "BIO") -> TagField:
    field = TagField(column="tags", scheme=scheme)
    field.fit(columns(*rows))
    return field


def encoded(field: TagField, *rows: list[str]) -> list[list[str | None]]:
    """The tags as the model is taught them; None where it is taught nothing."""
    column = field.encode(columns(*rows))
    ids = column.collate(np.arange(len(rows))).tolist()
    names = [*field.tags, None]
    return [[names[i] for i in row[: len(tags)]] for row, tags in zip(ids, rows, strict=True)]


def test_a_scheme_gives_every_tag_of_a_label_that_training_has() -> None:
    field = fitted(["B-A", "O"], ["I-B"])
    assert set(field.tags) == {"O", "B-A", "I-A", "B-B", "I-B"}
    assert field.tags[0] == "O"


def test_plain_tags_come_most_frequent_first_and_as_they_are() -> None:
    assert fitted(["V", "N", "B-A"], ["N"], scheme=None).tags == ["N", "B-A", "V"]


def test_tags_unseen_in_training_are_no_target() -> None:
    assert encoded(fitted(["B-A"]), ["B-Z", "I-Z", "B-A"]) == [[None, None, "B-A"]]
    assert encoded(fitted(["N"], scheme=None), ["X", "N"]) == [[None, "N"]]


def test_padding_is_no_target() -> None:
    column = fitted(["B-A"]).encode(columns(["B-A"], ["O", "B-A"]))
    assert column.collate(np.arange(2)).tolist()[0][1] == NO_TARGET


def test_tags_that_break_the_scheme_are_read_as_spans_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    field = fitted(["B-A", "I-A", "B-B"])
    with caplog.at_level(logging.WARNING):
        found = encoded(field, ["O", "I-A", "I-A"], ["B-A", "I-B"], ["B-A", "I-A"], [])
    assert found == [["O", "B-A", "I-A"], ["B-A", "B-B"], ["B-A", "I-A"], []]
    assert "2 of 4 records break BIO in column 'tags', first record '0', step 1: tag 'I-A' breaks BIO" in caplog.text
    assert "; read leniently" in caplog.text


@given(st.lists(st.lists(TAGS, max_size=5), min_size=1, max_size=4))
def test_what_is_taught_has_the_spans_of_the_tags_and_keeps_the_scheme(rows: list[list[str]]) -> None:
    field = fitted(["B-A", "B-B"])
    scheme = get_scheme("BIO")
    for found, tags in zip(encoded(field, *rows), rows, strict=True):
        assert scheme.spans(found) == scheme.spans(tags)
        assert not scheme.violations(found)


def test_a_violation_does_not_reach_over_the_end_of_a_record(caplog: pytest.LogCaptureFixture) -> None:
    """`O` at the end of one record and `I-A` at the start of the next are no pair; nor are `B-A` and `I-A`."""
    with caplog.at_level(logging.WARNING):
        assert encoded(fitted(["B-A"]), ["B-A"], ["I-A", "I-A"], ["B-A"]) == [["B-A"], ["B-A", "I-A"], ["B-A"]]
    assert "1 of 3 records break BIO" in caplog.text


def test_training_without_any_tag_is_refused() -> None:
    with pytest.raises(DataError, match=r"column 'tags' has no tag in the training records"):
        fitted([], [])


def test_records_without_steps_are_encoded() -> None:
    column = fitted(["B-A"]).encode(columns([], []))
    assert column.lengths.tolist() == [0, 0]
    assert column.collate(np.arange(2)).tolist() == [[NO_TARGET]] * 2


def test_what_is_no_tag_of_the_scheme_is_refused_by_record_and_line() -> None:
    records = {"id": ["t-1", "t-2"], "line": [1, 4], "tags": [["B-A", "O"], ["B-A", "O", "X-A"]]}
    of_records = Columns(records_from_columns(records))
    for act in (TagField(column="tags", scheme="BIO").fit, fitted(["B-A"]).encode):
        with pytest.raises(DataError, match=r"record 't-2' \(line 4\), step 2, has 'X-A' in column 'tags': .* a tag of BIO"):
            act(of_records)
    with pytest.raises(DataError, match=r"record '0', step 0, has '' in column 'tags': a tag is empty"):
        fitted([""], scheme=None)


def test_a_step_without_a_tag_is_refused_by_record() -> None:
    with pytest.raises(DataError, match=r"record '1', step 1, has an empty \(null\) value in column 'tags'"):
        TagField(column="tags", scheme=None).fit(Columns(records_from_columns({"tags": [["N"], ["N", None]]})))


@pytest.mark.parametrize("tag", ["_", "B-A|B-B"])
def test_partial_annotation_is_refused_with_the_head_that_learns_from_it(tag: str) -> None:
    with pytest.raises(DataError, match=r"record '0', step 1, has .*; head=\[crf_partial\] learns from partial"):
        fitted(["B-A"]).encode(columns(["O", tag]))
