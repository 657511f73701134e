import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.data.batch import EncodedRecords
from seqlab.data.columns import string_records
from seqlab.data.fields import CategoryField, CharacterField, LabelField, TagField
from seqlab.data.fields.registry import Fields
from seqlab.errors import DataError

WORDS = CategoryField(column="tokens", view="identity", min_count=1)
TAGS = TagField(column="tags", scheme=None)
LABEL = LabelField(column="label")
CHARACTERS = CharacterField(column="tokens", min_count=1, max_length=20)
RAGGED = st.lists(st.lists(st.sampled_from(["a", "bb", "ccc"]), max_size=5), min_size=1, max_size=6)


def encoded(**columns: list[object]) -> EncodedRecords:
    fields = Fields({field.key: field for field in (WORDS, TAGS, LABEL, CHARACTERS)})
    records = string_records({"id": [f"r{i}" for i in range(len(columns["tokens"]))], **columns}).records
    for field in fields:
        if field.column in records.column_names:
            field.fit(string_records({name: records[name] for name in records.column_names}))
    return fields.encode(records)


def test_batch_holds_the_tensors_of_every_field() -> None:
    records = encoded(tokens=[["a", "b"], ["a"]], tags=[["X", "Y"], ["Y"]], label=["l", "m"])
    batch = records.batch(np.asarray([1, 0]))
    assert len(batch) == 2
    assert batch.lengths.tolist() == [1, 2]
    assert batch.rows.tolist() == [1, 0]
    assert batch.tensors(WORDS).tolist() == [[2, 0], [2, 3]]
    assert batch.tensors(TAGS).tolist() == [[0, -1], [1, 0]]
    assert batch.tensors(LABEL).tolist() == [1, 0]


@settings(max_examples=40)
@given(RAGGED, st.data())
def test_every_step_of_a_batch_is_that_of_its_record(rows: list[list[str]], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(range(len(rows))), min_size=1, max_size=5))
    tags = [[f"{i}-{token}" for i, token in enumerate(row)] or [] for row in rows]
    if not any(rows):
        return
    records = encoded(tokens=rows, tags=tags)
    batch = records.batch(np.asarray(chosen))
    assert batch.lengths.tolist() == [len(rows[i]) for i in chosen]
    for place, i in enumerate(chosen):
        n_steps = len(rows[i])
        names = [TAGS.tags[tag] for tag in batch.tensors(TAGS)[place, :n_steps].tolist()]
        assert names == tags[i]
        spelled = batch.tensors(CHARACTERS)
        assert spelled.lengths[spelled.word[place, :n_steps]].tolist() == [len(token) for token in rows[i]]


def test_a_field_without_its_column_is_left_out_and_named_when_asked_for() -> None:
    batch = encoded(tokens=[["a"]]).batch(np.asarray([0]))
    assert WORDS in batch
    assert TAGS not in batch
    with pytest.raises(DataError, match=r"no column 'tags', which the model reads"):
        batch.tensors(TAGS)


def test_columns_of_different_lengths_are_refused_by_record() -> None:
    records = encoded(tokens=[["a"], ["a", "b"]], tags=[["X"], ["X"]])
    with pytest.raises(DataError, match=r"record 'r1' has 2 steps by .*tokens.* but 1 by .*tags"):
        _ = records.lengths


def test_records_without_steps_are_refused() -> None:
    fields = Fields({LABEL.key: LABEL})
    columns = string_records({"label": ["l"]})
    fields.fit(columns.records)
    with pytest.raises(DataError, match=r"no column with steps; the records have label"):
        _ = fields.encode(columns.records).lengths


def test_batch_moves_to_a_device_with_all_its_tensors() -> None:
    batch = encoded(tokens=[["a"]], label=["l"]).batch(np.asarray([0])).to(torch.device("meta"))
    assert {batch.lengths.device.type, batch.rows.device.type} == {"meta"}
    assert batch.tensors(WORDS).device.type == batch.tensors(CHARACTERS).word.device.type == "meta"


def test_fields_that_agree_are_one() -> None:
    node = {"_target_": "seqlab.data.fields.CategoryField", "column": "tokens", "view": "lower", "min_count": 1}
    config = {"a": {"field": node}, "b": [node, {**node, "view": "shape"}]}
    fields = Fields.from_config(config, targets=frozenset({node["_target_"]}))
    assert [field.view for field in fields] == ["lower", "shape"]
