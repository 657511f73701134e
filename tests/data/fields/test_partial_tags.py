"""Tags of records annotated in part: sets of tags, and steps without annotation."""

import logging
import re

import numpy as np
import pytest

from seqlab.config.compose import compose
from seqlab.data.columns import Columns
from seqlab.data.fields import NO_TARGET, PartialTagField
from seqlab.data.records import records_from_columns
from seqlab.data.schemes.partial import SEPARATOR, UNANNOTATED
from seqlab.errors import ConfigError, DataError


def columns(*rows: list[str]) -> Columns:
    return Columns(records_from_columns({"tags": list(rows)}))


def fitted(*rows: list[str], scheme: str | None = "BIO") -> PartialTagField:
    field = PartialTagField(column="tags", scheme=scheme, unannotated="_", separator="|")
    field.fit(columns(*rows))
    return field


def ids(field: PartialTagField, *rows: list[str]) -> list[list[int]]:
    column = field.encode(columns(*rows))
    return [row[: len(tags)] for row, tags in zip(column.collate(np.arange(len(rows))).tolist(), rows, strict=True)]


def test_the_option_has_the_default_marks() -> None:
    target = compose(["head=[crf_partial]"]).heads.tags.target
    assert (target.unannotated, target.separator) == (UNANNOTATED, SEPARATOR)


def test_tags_come_from_sets_too_and_sets_follow_the_tags() -> None:
    field = fitted(["B-A|B-B", "_"], ["O", "O|B-B"])
    assert field.tags == ["O", "B-A", "I-A", "B-B", "I-B"]
    assert field.sets == [[0, 3], [1, 3]]
    assert ids(field, ["B-B|B-A", "_", "B-A", "B-B|O"], []) == [[6, NO_TARGET, 1, 5], []]


def test_plain_tags_are_counted_in_sets_too() -> None:
    field = fitted(["N|V", "N"], ["V", "X|V"], scheme=None)
    assert field.tags == ["V", "N", "X"]
    assert field.sets == [[0, 1], [0, 2]]


def test_a_set_that_training_never_had_teaches_nothing() -> None:
    field = fitted(["N|V", "X"], scheme=None)
    assert ids(field, ["N|X", "Q", "N|Q", "N|N"]) == [[NO_TARGET, NO_TARGET, NO_TARGET, field.tags.index("N")]]


def test_a_tag_that_is_none_of_the_scheme_is_refused() -> None:
    with pytest.raises(DataError, match="S-A"):
        fitted(["O|S-A", "O"])


def test_fully_annotated_records_are_repaired_and_steps_of_others_opened(caplog: pytest.LogCaptureFixture) -> None:
    field = fitted(["B-A", "I-A", "_"], ["B-B"])
    with caplog.at_level(logging.WARNING):
        found = ids(field, ["_", "I-A"], ["O", "I-A"], ["B-A", "I-A"], ["I-B"], ["O", "I-A", "_"], ["B-A", "_", "I-B", "I-A"])
    tags = field.tags
    as_they_are = [NO_TARGET, tags.index("I-A")]
    repaired = [[0, tags.index("B-A")], [1, 2], [tags.index("B-B")]]
    opened = [[0, NO_TARGET, NO_TARGET], [1, NO_TARGET, tags.index("I-B"), NO_TARGET]]
    assert found == [as_they_are, *repaired, *opened]
    assert "2 of 6 records break BIO in column 'tags', first record" in caplog.text
    assert "2 steps of partially annotated records break the BIO scheme" in caplog.text


def test_the_end_of_a_scheme_counts_too() -> None:
    field = fitted(["B-A", "I-A", "E-A", "_", "S-A"], scheme="BIOES")
    b, e = field.tags.index("B-A"), field.tags.index("E-A")
    assert ids(field, ["_", "B-A"], ["_", "E-A"]) == [[NO_TARGET, NO_TARGET], [NO_TARGET, e]]
    assert b != e


def test_readings() -> None:
    field = fitted(["O"])
    assert field.readings("_") == []
    assert field.readings("B-A|O|B-A") == ["B-A", "O"]
    assert field.readings("O") == ["O"]


def test_state_restores_tags_and_sets() -> None:
    field, other = fitted(["N|V", "X"], scheme=None), PartialTagField("tags", None, "_", "|")
    other.restore(field.state(), {})
    assert (other.tags, other.sets) == (field.tags, field.sets)


def test_training_without_any_tag_is_refused() -> None:
    with pytest.raises(DataError, match="column 'tags' has no tag in the training records"):
        fitted(["_", "_"])


@pytest.mark.parametrize("name", ["unannotated", "separator"])
def test_empty_marks_are_refused(name: str) -> None:
    marks = {"unannotated": "_", "separator": "|"} | {name: ""}
    with pytest.raises(ConfigError, match=f"{name} is empty"):
        PartialTagField(column="tags", scheme=None, **marks)


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        ("B-A|", "a tag of BIO"),
        ("B-A||B-B", "a tag of BIO"),
        ("B-A|X", "tag is 'X'; expected a tag of BIO"),
        ("per", "tag is 'per'; expected a tag of BIO"),
    ],
)
def test_invalid_tags_are_refused_by_record_and_line(tag: str, reason: str) -> None:
    records = {"id": ["t-1", "t-2"], "line": [1, 4], "tags": [["B-A", "B-B"], ["_", tag]]}
    of_records = Columns(records_from_columns(records))
    field = PartialTagField(column="tags", scheme="BIO", unannotated="_", separator="|")
    for act in (field.fit, fitted(["B-A", "B-B"]).encode):
        with pytest.raises(DataError, match=rf"record 't-2' \(line 4\), step 1, has {re.escape(repr(tag))}.*{reason}"):
            act(of_records)


def test_an_empty_choice_is_refused_without_a_scheme_as_well() -> None:
    with pytest.raises(DataError, match=r"record '0', step 1, has 'N\|' in column 'tags': a tag is empty"):
        fitted(["V", "N|"], scheme=None)
