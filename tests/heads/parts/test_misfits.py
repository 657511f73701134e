"""Records that a head cannot label right, whatever it learns, are told with their number before anything runs."""

import logging
from typing import Any

import pytest

from seqlab.data.batch import EncodedRecords
from seqlab.data.columns import Columns
from seqlab.data.fields import CategoryField, LabelSequenceField, SpanField, TagField
from seqlab.data.records import records_from_columns
from seqlab.errors import DataError
from seqlab.heads import BiaffineSpanHead, CtcHead, Head, HmmHybridHead, SemiMarkovHead

COLUMNS = Columns(
    records_from_columns(
        {
            "tokens": [["p", "q", "r"], ["p"], ["p", "q"], [], []],
            "labels": [["a", "b"], ["a", "b", "b"], ["b", "b"], [], ["a"]],
            "tags": [["B-X", "I-X", "I-X"], ["B-X"], ["O", "B-Y"], [], []],
            "segments": [
                [{"start": 0, "end": 3, "label": "X"}],
                [{"start": 0, "end": 1, "label": "X"}],
                [{"start": 1, "end": 2, "label": "Y"}],
                [],
                [],
            ],
        }
    )
)
SIZES = {"input_width": 2, "summary_width": 2}


def temporal(kind: type[CtcHead] | type[HmmHybridHead], **options: Any) -> CtcHead | HmmHybridHead:
    target = LabelSequenceField(column="labels", alternatives=None)
    target.fit(COLUMNS)
    if kind is CtcHead:
        options = {"beam_width": 1, "prior_order": 0, "prior_weight": 0.0} | options
    else:
        options = {"can_skip": False, "has_silence": True, "training": "full_sum", "prior_scale": 0.0} | options
    return kind(target=target, drop_prob=0.0, insertion_bonus=0.0, **SIZES, **options)


def named(head: Head) -> Head:
    """Return the head with a path in the config other than those of the options in conf/."""
    head.path = "heads.mine"
    return head


def check(head: Head, *, rows: list[int] | None = None, split: str = "train", is_taught: bool = True) -> None:
    columns = COLUMNS if rows is None else Columns(COLUMNS.records.select(rows))
    words = CategoryField(column="tokens", view="lower", min_count=1)
    words.fit(COLUMNS)
    encoded = {field.key: field.encode(columns) for field in (words, head.target)}
    named(head).check_records(EncodedRecords(encoded, columns=columns), split=split, is_taught=is_taught)


# By hand: labels need 2, 4 (b b needs a blank), 3, 0 and 1 emissions for 3, 1, 2, 0 and 0 steps.
@pytest.mark.parametrize(
    ("head", "n_misfits", "enough"),
    [
        (temporal(CtcHead, upsampling=1), 3, 4),
        (temporal(CtcHead, upsampling=2), 2, 4),
        (temporal(CtcHead, upsampling=4), 1, 4),
        (temporal(HmmHybridHead, upsampling=1, states_per_label=1), 2, 3),
        (temporal(HmmHybridHead, upsampling=2, states_per_label=3), 3, 9),
    ],
)
def test_labels_that_do_not_fit_are_counted(head: Head, n_misfits: int, enough: int, caplog: pytest.LogCaptureFixture) -> None:
    for split, is_taught, fate in (("train", True, "are left out of the loss"), ("val", False, "cannot be labelled right")):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            check(head, split=split, is_taught=is_taught)
        (told,) = [record.getMessage() for record in caplog.records]
        assert f"{n_misfits} of 5 records of {split} have more labels than fit in their steps and {fate}" in told
        assert f"heads.mine.upsampling={enough} " in told
        assert told.endswith("all would fit but 1 without any step")


def test_nothing_is_told_where_all_fit(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        check(temporal(CtcHead, upsampling=4), rows=[0, 1, 2, 3])
        check(semi_markov(max_length=3))
        check(biaffine(max_width=3))
        check(biaffine(max_width=None))
    assert not caplog.records


def test_a_label_never_seen_in_training_is_no_misfit(caplog: pytest.LogCaptureFixture) -> None:
    head = temporal(CtcHead, upsampling=4)
    head.target.labels.remove("b")
    with caplog.at_level(logging.WARNING):
        check(head, rows=[1, 2], split="test", is_taught=False)
    assert not caplog.records


def test_training_on_nothing_is_refused() -> None:
    with pytest.raises(DataError, match=r"heads\.mine: nothing can be learned, for all 2 records of train .*upsampling=4 "):
        check(temporal(CtcHead, upsampling=1), rows=[1, 2])
    with pytest.raises(DataError, match=r"heads\.mine: nothing can be learned, for all 1 records .*heads\.mine\.max_length=3"):
        check(semi_markov(max_length=2), rows=[0])
    with pytest.raises(DataError, match=r"heads\.mine: nothing can be learned, for all 1 spans .*heads\.mine\.max_width=3"):
        check(biaffine(max_width=2), rows=[0, 3])


def semi_markov(*, max_length: int) -> SemiMarkovHead:
    target = TagField(column="tags", scheme="BIO")
    target.fit(COLUMNS)
    return SemiMarkovHead(target=target, max_length=max_length, **SIZES)


def biaffine(*, max_width: int | None) -> BiaffineSpanHead:
    target = SpanField(column="segments", scheme=None)
    target.fit(COLUMNS)
    options = {"hidden_width": 2, "drop_prob": 0.0, "can_nest": True, "omission_cost": 0.0}
    return BiaffineSpanHead(target=target, max_width=max_width, **SIZES, **options)


def test_spans_that_are_too_long_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        check(semi_markov(max_length=2))
        check(biaffine(max_width=2), split="test", is_taught=False)
    of_records, of_spans = (record.getMessage() for record in caplog.records)
    assert "1 of 5 records of train have a span of more than 2 steps and are left out of the loss" in of_records
    assert "heads.mine.max_length=3" in of_records
    assert "heads.mine: 1 of 3 spans of test have more than 2 steps and cannot be labelled right" in of_spans
    assert "heads.mine.max_width=3 all would fit" in of_spans
