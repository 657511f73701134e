"""Tags with a teacher's probabilities of all tags."""

from typing import Any

import numpy as np
import pytest
import torch

from seqlab.data.columns import Columns
from seqlab.data.fields import TagField, TaughtTagField, TaughtTags
from seqlab.data.records import records_from_columns
from seqlab.errors import ConfigError, DataError

TAGS = [["B-A", "O"], [], ["O"]]
TEACHER = [[{"B-A": 0.75, "O": 0.25}, {"O": 0.5, "B-B": 0.5}], [], [{"O": 1}]]


def columns(**values: list[Any]) -> Columns:
    return Columns(records_from_columns(values))


def field_of(scheme: str | None = "BIO", **options: float) -> TaughtTagField:
    settings = {"weight": 0.5, "temperature": 1.0, **options}
    return TaughtTagField(column="tags", scheme=scheme, teacher_column="teacher", **settings)


def taught(field: TaughtTagField, given: Columns) -> TaughtTags:
    tensors = field.encode(given).collate(np.arange(len(given)))
    assert isinstance(tensors, TaughtTags)
    return tensors


def test_tags_are_those_of_the_records_and_of_the_teacher() -> None:
    field = field_of()
    field.fit(columns(tags=TAGS, teacher=TEACHER))
    assert field.tags == ["O", "B-A", "I-A", "B-B", "I-B"]
    plain = field_of(scheme=None)
    plain.fit(columns(tags=TAGS, teacher=TEACHER))
    assert plain.tags == ["O", "B-A", "B-B"]


def test_probabilities_stand_at_their_tags_and_sum_to_one() -> None:
    field = field_of(scheme=None)
    field.fit(columns(tags=TAGS, teacher=TEACHER))
    found = taught(field, columns(tags=TAGS, teacher=[[{"B-A": 0.2, "O": 0.2, "B-Z": 0.6}, {"B-Z": 1.0}], [], [{"B-B": 0.1}]]))
    assert found.tags.tolist() == [[1, 0], [-1, -1], [0, -1]]
    expected = [[[0.5, 0.5, 0.0], [0.0] * 3], [[0.0] * 3, [0.0] * 3], [[0.0, 0.0, 1.0], [0.0] * 3]]
    torch.testing.assert_close(found.probs, torch.tensor(expected))


def test_records_without_the_teacher_have_tags_as_a_tag_field_has() -> None:
    field, plain = field_of(), TagField(column="tags", scheme="BIO")
    for each in (field, plain):
        each.fit(columns(tags=TAGS))
    rows = np.arange(3)
    assert torch.equal(field.encode(columns(tags=TAGS)).collate(rows), plain.encode(columns(tags=TAGS)).collate(rows))


def test_records_without_any_step_have_a_teacher_too() -> None:
    field = field_of()
    field.fit(columns(tags=TAGS, teacher=TEACHER))
    assert taught(field, columns(tags=[[], []], teacher=[[], []])).probs.shape == (2, 1, 5)


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        ([[{"O": 1.0}], [], [{"O": 1.0}]], r"record '0' has 1 steps in column 'teacher', but 2 in 'tags'"),
        ([["O", "O"], [], ["O"]], r"column 'teacher' holds list<.*string>; expected one object per step"),
        (["O", "O", "O"], r"column 'teacher' holds string; expected one object per step"),
        ([[{"O": "sure"}, {}], [], [{}]], r"column 'teacher', tag 'O': holds string; expected probabilities"),
        ([[{"O": -0.5}, {}], [], [{}]], r"column 'teacher', tag 'O': a probability is -0\.5; expected 0 to 1"),
    ],
)
def test_what_is_no_probability_of_each_step_is_refused(teacher: list[Any], message: str) -> None:
    field = field_of()
    field.fit(columns(tags=TAGS))
    with pytest.raises(DataError, match=message):
        field.encode(columns(tags=TAGS, teacher=teacher))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("weight", 1.5, r"weight is 1\.5; expected a share from 0 to 1"),
        ("temperature", 0.0, r"temperature is 0\.0; expected more"),
    ],
)
def test_a_weight_is_a_share_and_a_temperature_is_above_zero(option: str, value: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        field_of(**{option: value})
