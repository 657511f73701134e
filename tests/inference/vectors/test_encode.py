"""Records as vectors: those of the encoder itself, whatever the batch, in the order of the input."""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest
import torch
from numpy.testing import assert_allclose

import seqlab
from seqlab.errors import ConfigError, DataError
from seqlab.inference import EncodedRecord, StepVectors
from seqlab.inference.inputs import Record
from seqlab.inference.vectors.files import JsonlVectors, NpyVectors, ParquetVectors, VectorFile, VectorKind, file_type, kind_of
from seqlab.inference.vectors.search import VectorSearch
from seqlab.model.labeler import Labeler

TEXTS = ["Ada visited Paris .", "", "Kurt", "Emmy Noether visited Rio de Janeiro . And New York , and Oslo , and Paris ."]


def test_a_summary_is_that_of_the_encoder(tagger: seqlab.Tagger) -> None:
    found = tagger.encode(TEXTS)
    for text, one in zip(TEXTS, found, strict=True):
        with torch.inference_mode():
            alone = tagger.bundle.labeler(tagger.batch([text])).summary
        assert one.tokens == text.split()
        assert one.steps is None
        assert_allclose(one.summary, alone[0].numpy(), atol=1e-6)


def test_steps_are_those_of_the_encoder_with_the_labels_of_predict(tagger: seqlab.Tagger) -> None:
    found, predicted = tagger.encode(TEXTS, use_steps=True), tagger.predict(TEXTS)
    for text, one, record in zip(TEXTS, found, predicted, strict=True):
        with torch.inference_mode():
            alone = tagger.bundle.labeler(tagger.batch([text])).values[0, : len(record.tokens)]
        assert one.steps is not None
        assert_allclose(one.steps.values, alone.numpy(), atol=1e-6)
        assert one.steps.bounds == [(i, i + 1) for i in range(len(record.tokens))]
        assert one.steps.labels == {"tags": record.predictions["tags"].labels}


def test_no_records_are_no_vectors(tagger: seqlab.Tagger) -> None:
    assert tagger.encode([]) == []


def test_columns_of_the_encoder_are_enough(reading_upos: seqlab.Tagger) -> None:
    assert reading_upos.encoder_columns == ["tokens", "upos"]
    with pytest.raises(DataError, match="input 0 has no 'upos'"):
        reading_upos.encode(["Ada"])
    with pytest.raises(DataError, match="input 0 has no 'upos'"):
        reading_upos.encode("Ada")  # a list of one, not of three letters


def test_an_encoder_without_a_summary_is_refused(tagger: seqlab.Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = Labeler.forward
    monkeypatch.setattr(Labeler, "forward", lambda self, batch: replace(forward(self, batch), summary=None))
    with pytest.raises(ConfigError, match="has no summary of records"):
        tagger.encode(["Ada"])
    (found,) = tagger.encode(["Ada"], use_steps=True)
    assert found.summary is None
    assert found.steps is not None
    assert found.whole.tolist() == found.steps.values[0].tolist()


def test_without_a_step_that_covers_all_the_mean_stands_for_it() -> None:
    steps = StepVectors(np.asarray([[1.0, 2.0], [3.0, 6.0]]), [(0, 1), (1, 2)], {})
    assert steps.whole.tolist() == [2.0, 4.0]


def written(kind: type[VectorFile], path: Path, tagger: seqlab.Tagger, *, use_steps: bool) -> list[EncodedRecord]:
    records: list[Record] = [{"text": text, "id": None if i == 1 else f"r{i}"} for i, text in enumerate(TEXTS)]
    encoded = tagger.encode(records, use_steps=use_steps)
    out = kind(path, kind=kind_of(tagger, use_steps=use_steps))
    out.write(records[:3], encoded[:3])
    out.write([], [])
    out.write(records[3:], encoded[3:])
    out.close()
    return encoded


@pytest.mark.parametrize("use_steps", [False, True])
def test_parquet_has_the_vectors_in_order(tagger: seqlab.Tagger, tmp_path: Path, use_steps: bool) -> None:
    encoded = written(ParquetVectors, tmp_path / "v.parquet", tagger, use_steps=use_steps)
    table = parquet.read_table(tmp_path / "v.parquet")
    assert parquet.ParquetFile(tmp_path / "v.parquet").num_row_groups == 2
    vectors = np.stack(table["vector"].to_pylist())
    if not use_steps:
        assert table["row"].to_pylist() == [0, 1, 2, 3]
        assert table["id"].to_pylist() == ["r0", None, "r2", "r3"]
        assert table["text"].to_pylist() == TEXTS
        assert_allclose(vectors, np.stack([one.summary for one in encoded]))
        return
    steps = [one.steps for one in encoded if one.steps]
    assert table["row"].to_pylist() == [i for i, text in enumerate(TEXTS) for _ in text.split()]
    assert list(zip(table["start"].to_pylist(), table["end"].to_pylist(), strict=True)) == [
        b for one in steps for b in one.bounds
    ]
    assert table["label_tags"].to_pylist() == [tag for one in steps for tag in one.labels["tags"]]
    assert table["text"].to_pylist() == " ".join(TEXTS).split()
    assert_allclose(vectors, np.concatenate([one.values for one in steps]))


def test_all_formats_hold_the_same_vectors(tagger: seqlab.Tagger, tmp_path: Path) -> None:
    for use_steps in (False, True):
        for kind, name in ((ParquetVectors, "v.parquet"), (JsonlVectors, "v.jsonl"), (NpyVectors, "v.npy")):
            assert file_type(tmp_path / name) is kind
            written(kind, tmp_path / name, tagger, use_steps=use_steps)
        expected = np.load(tmp_path / "v.npy", allow_pickle=False)
        assert_allclose(np.stack(parquet.read_table(tmp_path / "v.parquet")["vector"].to_pylist()), expected)
        objects = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
        assert [(one["row"], one["id"]) for one in objects] == [(0, "r0"), (1, None), (2, "r2"), (3, "r3")]
        rows = [step for one in objects for step in one["steps"]] if use_steps else objects
        assert_allclose(np.stack([row["vector"] for row in rows]), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["v.parquet", "v.npy", "v.jsonl"])
def test_no_record_makes_a_whole_file(tmp_path: Path, name: str) -> None:
    out = file_type(tmp_path / name)(tmp_path / name, kind=VectorKind("f", "records", 3, ()))
    out.close()
    if name == "v.npy":
        assert np.load(tmp_path / name).shape == (0, 3)
    if name == "v.parquet":
        assert VectorSearch(tmp_path / name).nearest(np.ones((1, 3), dtype=np.float32), k=2) == [[]]


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ends in '\.csv'; expected one of \.parquet, \.jsonl, \.npy"):
        file_type(tmp_path / "v.csv")


def search_of(path: Path, vectors: np.ndarray, *, n_first: int, model: str = "f") -> VectorSearch:
    out = ParquetVectors(path, kind=VectorKind(model, "records", vectors.shape[1], ()))
    encoded = [EncodedRecord([f"t{i}"], vector, None) for i, vector in enumerate(vectors)]
    for part in (encoded[:n_first], encoded[n_first:]):
        out.write([{} for _ in part], part)
    out.close()
    return VectorSearch(path)


def test_the_nearest_are_those_of_scikit_learn(tmp_path: Path) -> None:
    from sklearn.metrics.pairwise import cosine_similarity

    random = np.random.default_rng(3)
    vectors, queries = (random.normal(size=(n, 7)).astype(np.float32) for n in (90, 4))
    vectors[13] = 0.0
    cosines = cosine_similarity(queries, vectors)
    for k in (1, 10, 200):
        found = search_of(tmp_path / "v.parquet", vectors, n_first=31).nearest(queries, k=k)
        for i, row in enumerate(found):
            assert [one.place for one in row] == np.argsort(-cosines[i], kind="stable")[:k].tolist()
            assert_allclose([one.cosine for one in row], np.sort(cosines[i])[::-1][:k], atol=1e-6)
            assert [one.content["text"] for one in row] == [f"t{one.place}" for one in row]


def test_of_equals_the_earlier_comes_first(tmp_path: Path) -> None:
    vectors = np.asarray([[1, 0], [0, 1], [2, 0], [0, 3], [5, 0], [0.5, 0]], dtype=np.float32)
    search = search_of(tmp_path / "v.parquet", vectors, n_first=3)
    (found,) = search.nearest(np.asarray([[3.0, 0.0]], dtype=np.float32), k=3)
    assert [one.place for one in found] == [0, 2, 4]


def test_rows_of_the_file_are_queries(tmp_path: Path) -> None:
    vectors = np.asarray([[1, 0], [0, 1], [1, 1]], dtype=np.float32)
    search = search_of(tmp_path / "v.parquet", vectors, n_first=1)
    assert search.vectors_at([2, 0]).tolist() == [[1, 1], [1, 0]]
    with pytest.raises(ConfigError, match=r"--row is 3; expected 0 to 2, the rows of"):
        search.vectors_at([3])


def test_another_model_and_another_width_are_refused(tagger: seqlab.Tagger, tmp_path: Path) -> None:
    vectors = np.ones((2, 2), dtype=np.float32)
    with pytest.raises(ConfigError, match="its vectors are from model abcdef, but the queries are from"):
        search_of(tmp_path / "v.parquet", vectors, n_first=1, model="abcdef").encode(tagger, ["Ada"])
    with pytest.raises(ConfigError, match="its vectors have 2 numbers, but the query has 3"):
        search_of(tmp_path / "v.parquet", vectors, n_first=1).nearest(np.ones((1, 3), dtype=np.float32), k=1)


def test_a_fingerprint_is_of_the_weights(tagger: seqlab.Tagger, reading_upos: seqlab.Tagger) -> None:
    again = replace(tagger.bundle, labeler=deepcopy(tagger.bundle.labeler))
    assert again.fingerprint == tagger.bundle.fingerprint != reading_upos.bundle.fingerprint
    changed = replace(again)
    with torch.no_grad():
        next(changed.labeler.parameters()).view(-1)[0] += 1e-3
    assert changed.fingerprint != again.fingerprint
