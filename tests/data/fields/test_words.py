import logging
from pathlib import Path

import numpy as np
import pytest

from seqlab.data.columns import Columns
from seqlab.data.fields import CategoryField, Field, VectorField
from seqlab.data.records import records_from_columns
from seqlab.data.vocabulary import PADDING, UNKNOWN


def columns(*rows: list[str]) -> Columns:
    return Columns(records_from_columns({"tokens": list(rows)}))


def ids(field: Field, *rows: list[str]) -> list[list[int]]:
    found: list[list[int]] = field.encode(columns(*rows)).collate(np.arange(len(rows))).tolist()
    return found


def category(*rows: list[str], view: str = "lower", min_count: int = 1) -> CategoryField:
    field = CategoryField(column="tokens", view=view, min_count=min_count)
    field.fit(columns(*rows))
    return field


def test_views_that_agree_share_their_count_and_id() -> None:
    field = category(["A", "a", "b", "A"], ["c"], min_count=2)
    assert field.vocabulary.items == ["a"]
    assert ids(field, ["a", "A", "b", "new"]) == [[2, 2, UNKNOWN, UNKNOWN]]


def test_short_records_are_padded() -> None:
    assert ids(category(["a"]), ["a"], ["a", "a"], []) == [[2, PADDING], [2, 2], [PADDING, PADDING]]


def test_views_decide_what_is_seen() -> None:
    field = category(["Ab", "Cd", "e"], view="shape")
    assert ids(field, ["Xy", "zz"])[0][0] == ids(field, ["Ab", "e"])[0][0]


def test_fields_differ_by_their_settings() -> None:
    settings = [("lower", 1), ("lower", 2), ("shape", 1)]
    keys = {CategoryField(column="tokens", view=view, min_count=n).key for view, n in settings}
    keys.add(CategoryField(column="upos", view="lower", min_count=1).key)
    assert len(keys) == 4


@pytest.fixture
def vectors(tmp_path: Path) -> VectorField:
    path = tmp_path / "vectors.txt"
    path.write_text("ada 1 2\nKiel 3 4\nkiel 5 6\n", encoding="utf-8")
    field = VectorField(column="tokens", paths=[str(path)], fallback_view="lower")
    field.fit(columns(["Ada", "rain", "rain", "rain"]))
    return field


def test_words_of_the_file_have_ids_whether_training_saw_them_or_not(vectors: VectorField) -> None:
    found = ids(vectors, ["ada", "Kiel", "kiel", "rain"])[0]
    assert vectors.matrix[found].tolist() == [[1, 2], [3, 4], [5, 6], [0, 0]]
    assert found[3] == UNKNOWN


def test_a_word_that_is_not_there_as_written_is_looked_up_by_the_fallback(vectors: VectorField) -> None:
    assert ids(vectors, ["Ada", "KIEL", "RAIN"]) == [[2, 4, UNKNOWN]]


def test_rows_of_padding_and_unknown_are_zero(vectors: VectorField) -> None:
    assert vectors.matrix.shape == (5, 2)
    assert not vectors.matrix[:2].any()


def test_coverage_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("ada 1 2\n", encoding="utf-8")
    field = VectorField(column="tokens", paths=[str(path)], fallback_view="lower")
    with caplog.at_level(logging.INFO):
        field.fit(columns(["Ada", "rain", "rain", "rain"]))
    assert "pretrained vectors cover 25.0 % of the training tokens" in caplog.text
