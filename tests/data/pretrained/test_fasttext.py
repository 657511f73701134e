"""Models of fastText: rows of words and n-grams as fastText 0.9 computes them, the file format, and its damage."""

import struct
from pathlib import Path

import numpy as np
import pytest

from seqlab.data.columns import string_records
from seqlab.data.fields import FastTextField
from seqlab.data.pretrained.fasttext import FastTextWords, read_fasttext
from seqlab.errors import ConfigError, DataError
from seqlab.training.train import untrained

# rows that `get_subwords` of fastText 0.9.2 gives, less the number of words of its model
OF_ZURICH = [452, 1234, 1361, 1744, 1739, 168, 1315, 176, 552, 405, 919, 827, 1351, 539, 528]


def model(words: list[str], matrix: np.ndarray, *, n_buckets: int, labels: int = 0, is_quantised: bool = False) -> bytes:
    settings = struct.pack("<12i", matrix.shape[1], 5, 1, 1, 5, 1, 2, 2, n_buckets, 3, 5, 100)
    sizes = struct.pack("<iiiqq", len(words), len(words) - labels, labels, 10, -1)
    entries = b"".join(word.encode() + b"\0" + struct.pack("<qb", 1, 0) for word in words)
    table = struct.pack("<?qq", is_quantised, *matrix.shape) + matrix.astype("<f4").tobytes()
    return struct.pack("<ii", 793712314, 12) + settings + struct.pack("<d", 1e-4) + sizes + entries + table


def small() -> tuple[np.ndarray, bytes]:
    matrix = np.arange(12, dtype=np.float32).reshape(6, 2)
    return matrix, model(["</s>", "the"], matrix, n_buckets=4)


def test_words_have_the_rows_of_their_n_grams_as_in_fasttext() -> None:
    words = FastTextWords(["</s>", "Zürich"], 2000, 3, 5)
    rows = words.rows(["Zürich", "</s>", "", "🦜"])
    assert rows.lengths.tolist() == [16, 1, 0, 1]
    assert rows.values[:16].tolist() == [1, *(2 + bucket for bucket in OF_ZURICH)]
    assert rows.values[16] == 0


def test_single_brackets_are_no_n_grams() -> None:
    assert FastTextWords([], 100, 1, 1).rows(["ab"]).lengths.tolist() == [2]
    assert FastTextWords([], 100, 1, 0).rows(["ab"]).lengths.tolist() == [0]


def test_a_model_is_read_and_labels_are_no_words(tmp_path: Path) -> None:
    matrix, content = small()
    (tmp_path / "model.bin").write_bytes(content + b"output matrix")
    words, found = read_fasttext(tmp_path / "model.bin")
    assert words == FastTextWords(["</s>", "the"], 4, 3, 5)
    np.testing.assert_array_equal(found, matrix)
    (tmp_path / "model.bin").write_bytes(model(["the", "__label__x"], matrix[:5], n_buckets=4, labels=1))
    assert read_fasttext(tmp_path / "model.bin")[0].words == ["the"]


def test_every_cut_of_a_model_is_refused(tmp_path: Path) -> None:
    _, content = small()
    for n_bytes in range(len(content)):
        (tmp_path / "model.bin").write_bytes(content[:n_bytes])
        with pytest.raises(DataError, match=r"model.bin: is (damaged or truncated; download it again|not a model)"):
            read_fasttext(tmp_path / "model.bin")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"the 0.1 0.2\n", "is not a model of fastText 0.2 or newer"),
        (model(["a"], np.ones((3, 2)), n_buckets=2, is_quantised=True), "is quantised"),
        (model(["a"], np.ones((3, 2)), n_buckets=7), "its sizes contradict each other"),
        (model(["a"], np.full((3, 2), np.inf), n_buckets=2), "holds values that are not finite"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_fasttext(tmp_path / "model.bin")


def test_a_field_needs_a_path_and_is_restored_without_it(tmp_path: Path) -> None:
    columns = string_records({"tokens": [["the", "other"]]})
    with pytest.raises(ConfigError, match=r"path is empty; set embedding.parts.fasttext.field.path"):
        FastTextField().fit(columns)
    with pytest.raises(DataError, match=r"none.bin: cannot be read"):
        FastTextField(path=str(tmp_path / "none.bin")).fit(columns)
    (tmp_path / "model.bin").write_bytes(small()[1])
    field, restored = FastTextField(path=str(tmp_path / "model.bin")), FastTextField()
    field.fit(columns)
    restored.restore(field.state(), field.arrays())
    before, after = (one.encode(columns).collate(np.arange(1)) for one in (field, restored))
    assert repr(before) == repr(after)
    assert before.starts.tolist() == [0, 7]


def test_the_option_builds_an_embedding_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(small()[1])
    path = f"embedding.parts.fasttext.field.path={tmp_path / 'model.bin'}"
    labeler = untrained(["data.reader.n_train=20", "data.reader.n_val=5", "data.reader.n_test=5", "embedding=[fasttext]", path])
    assert labeler.embedding.output_width == 2
    assert labeler.embedding.origins == [f"fastText model {tmp_path / 'model.bin'}, licence not stated"]
