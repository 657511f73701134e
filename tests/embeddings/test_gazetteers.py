"""Gazetteers: the longest matches, dropout of whole matches, and mistakes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from seqlab.data.batch import EncodedRecords
from seqlab.data.columns import Columns, string_records
from seqlab.data.fields import GazetteerField
from seqlab.embeddings import GazetteerEmbedding
from seqlab.errors import ConfigError, DataError

PLACES = "New York\nNew York City\nYork\nSt. Ives\n\nKöln \n"
PEOPLE = "Ada\nIves\n"


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "places.txt").write_text(PLACES, encoding="utf-8")
    (tmp_path / "people.txt").write_text(PEOPLE, encoding="utf-8")
    return {"LOC": str(tmp_path / "places.txt"), "PER": str(tmp_path / "people.txt")}


def fitted(paths: dict[str, str], *, view: str = "identity") -> GazetteerField:
    field = GazetteerField(paths=paths, view=view)
    field.fit(string_records({"tokens": [["x"]]}))
    return field


def places(field: GazetteerField, records: list[list[str]]) -> Tensor:
    found = field.encode(string_records({"tokens": records})).collate(np.arange(len(records)))
    assert isinstance(found, Tensor)
    return found


def test_the_longest_names_are_found_from_left_to_right(paths: dict[str, str]) -> None:
    records = [
        ["New", "York", "City", "and", "York"],
        ["in", "New", "York", "St", ".", "Ives"],
        ["new", "Köln"],
        [],
    ]
    found = places(fitted(paths), records)
    assert found[0, :, 0].tolist() == [1, 2, 3, 0, 4, 0]
    assert found[1, :, 0].tolist() == [0, 1, 3, 1, 2, 3]
    assert found[1, :, 1].tolist() == [0, 0, 0, 0, 0, 4]
    assert found[2, :, 0].tolist() == [0, 4, 0, 0, 0, 0]
    assert not found[3].any()


def test_names_are_compared_by_a_view(paths: dict[str, str]) -> None:
    assert places(fitted(paths, view="lower"), [["NEW", "york", "ada"]])[0].tolist() == [[1, 0], [3, 0], [0, 4]]


def test_features_are_places_of_each_list(paths: dict[str, str]) -> None:
    field = fitted(paths)
    embedding = GazetteerEmbedding(field).eval()
    assert embedding.output_width == 8
    assert _embedded(embedding, string_records({"tokens": [["New", "York", "Ada"]]}))[0].tolist() == [
        [1, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 1, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 1],
    ]


def test_dropout_ignores_whole_matches(paths: dict[str, str]) -> None:
    torch.manual_seed(0)
    embedding = GazetteerEmbedding(fitted(paths), drop_prob=0.25)
    columns = string_records({"tokens": [["New", "York", "City", "x", "Köln"]] * 2000})
    values = _embedded(embedding, columns)[..., :4].sum(2)
    assert torch.equal(values[:, 0], values[:, 1])
    assert torch.equal(values[:, 1], values[:, 2])
    assert values[:, 0].mean().item() == pytest.approx(0.75, abs=0.04)
    assert values[:, 4].mean().item() == pytest.approx(0.75, abs=0.04)
    assert (values[:, 0] != values[:, 4]).any()


def test_a_bundle_has_the_names(paths: dict[str, str]) -> None:
    field, restored = fitted(paths), GazetteerField()
    restored.restore(field.state(), field.arrays())
    assert torch.equal(places(field, [["New", "York"]]), places(restored, [["New", "York"]]))


def test_mistakes_are_named(tmp_path: Path, paths: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"paths is empty; set embedding.parts.gazetteers.field.paths="):
        fitted({})
    with pytest.raises(DataError, match=r"none.txt: cannot be read .* one name a line"):
        fitted({"LOC": str(tmp_path / "none.txt")})
    (tmp_path / "latin.txt").write_bytes(b"K\xf6ln\n")
    with pytest.raises(DataError, match=r"latin.txt: is not UTF-8 \(byte 1\)"):
        fitted({"LOC": str(tmp_path / "latin.txt")})
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(DataError, match=r"empty.txt: has no names"):
        fitted({"LOC": str(tmp_path / "empty.txt")})
    with pytest.raises(ConfigError, match=r"drop_prob is 1.0; expected a probability"):
        GazetteerEmbedding(fitted(paths), drop_prob=1.0)


def _embedded(embedding: GazetteerEmbedding, columns: Columns) -> Tensor:
    encoded = EncodedRecords({embedding.field.key: embedding.field.encode(columns)}, columns=columns)
    values: Tensor = embedding(encoded.batch(np.arange(len(columns))))
    return values
