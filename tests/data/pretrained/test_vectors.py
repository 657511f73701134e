"""Word vectors: every format gives the same words and numbers, and every damage is named with its place."""

import bz2
import gzip
import io
import logging
import lzma
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.data.pretrained.vectors import read_vectors
from seqlab.errors import DataError

WORDS = ["the", "of the", "naïve", "\u00a0", "don't", ",", "42"]
MATRIX = np.array([[10 * row + 0.5, -row, row / 8] for row in range(len(WORDS))], dtype=np.float32)


def glove(words: list[str], matrix: np.ndarray, end: str = "\n") -> bytes:
    return "".join(f"{word} {' '.join(map(repr, row.tolist()))}{end}" for word, row in zip(words, matrix, strict=True)).encode()


def header(words: list[str], matrix: np.ndarray) -> bytes:
    return f"{len(words)} {matrix.shape[1]}\n".encode()


def word2vec(words: list[str], matrix: np.ndarray) -> bytes:
    return header(words, matrix) + glove(words, matrix)


def fasttext(words: list[str], matrix: np.ndarray) -> bytes:
    return header(words, matrix) + glove(words, matrix, end=" \n")


def binary(words: list[str], matrix: np.ndarray, end: bytes = b"\n") -> bytes:
    entries = (word.encode() + b" " + struct.pack(f"<{len(row)}f", *row) + end for word, row in zip(words, matrix, strict=True))
    return header(words, matrix) + b"".join(entries)


def gensim_binary(words: list[str], matrix: np.ndarray) -> bytes:
    return binary(words, matrix, end=b"")


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    def write_file(content: bytes, name: str = "vectors") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write_file


def packed_tar(content: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        info = tarfile.TarInfo("vectors.txt")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return target.getvalue()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("layout", [glove, word2vec, fasttext])
def test_read_vectors_text_formats_give_same_words_and_numbers(write, layout, pack):
    vectors = read_vectors([write(pack(layout(WORDS, MATRIX)))])
    assert vectors.words == WORDS
    np.testing.assert_array_equal(vectors.matrix, MATRIX)
    assert vectors.matrix.dtype == np.float32
    assert vectors.matrix.shape[1] == 3


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("layout", [binary, gensim_binary])
@pytest.mark.parametrize("width", [1, 2, 3])
def test_read_vectors_binary_gives_same_words_and_numbers(write, layout, pack, width):
    words = [word for word in WORDS if " " not in word]
    vectors = read_vectors([write(pack(layout(words, MATRIX[: len(words), :width])))])
    assert vectors.words == words
    np.testing.assert_array_equal(vectors.matrix, MATRIX[: len(words), :width])


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_characters=" \n\r", exclude_categories=["Cs"]), min_size=1),
            st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=4, max_size=4),
        ),
        min_size=1,
        unique_by=lambda entry: entry[0],
    )
)
def test_read_vectors_binary_and_text_agree_on_any_words(tmp_path_factory, entries):
    words = [word for word, _ in entries]
    matrix = np.array([row for _, row in entries], dtype=np.float32)
    folder = tmp_path_factory.mktemp("vectors")
    for name, layout in {"text": word2vec, "binary": binary}.items():
        (folder / name).write_bytes(layout(words, matrix))
        vectors = read_vectors([folder / name])
        assert vectors.words == words
        np.testing.assert_array_equal(vectors.matrix, matrix)


def test_read_vectors_ignores_byte_order_mark_windows_line_ends_and_empty_lines(write):
    vectors = read_vectors([write(b"\xef\xbb\xbfa 1 2\r\nb 3 4\r\n\r\n")])
    assert vectors.words == ["a", "b"]
    np.testing.assert_array_equal(vectors.matrix, [[1, 2], [3, 4]])


def test_read_vectors_keeps_first_of_repeated_words_and_counts_the_rest(write, caplog):
    first = write(b"a 1 2\nb 3 4\na 5 6\nb 3 4\n", "first")
    second = write(b"b 7 8\nc 9 9\na 1 2\n", "second")
    with caplog.at_level(logging.WARNING):
        vectors = read_vectors([first, second])
    assert vectors.words == ["a", "b", "c"]
    np.testing.assert_array_equal(vectors.matrix, [[1, 2], [3, 4], [9, 9]])
    assert [record.getMessage() for record in caplog.records] == [
        f"{first}: 1 words have another vector earlier in the same file; the first is kept",
        f"{second}: 1 words have another vector earlier in an earlier file; the first is kept",
    ]


def test_read_vectors_keeps_undecodable_words_apart_and_counts_them(write, caplog):
    with caplog.at_level(logging.WARNING):
        vectors = read_vectors([write(b"caf\xe9 1 2\ncaf\xe8 3 4\n\xef\xbf\xbd 5 6\n")])
    assert vectors.words == [r"caf\xe9", r"caf\xe8", "\ufffd"]
    assert "2 words are not valid UTF-8" in caplog.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"vectors: holds no words"),
        (b"\n\n", r"vectors: holds no words"),
        (b"2 3\n", r"vectors: holds no words"),
        (b"word\n", r"vectors:1: 'word' holds no space"),
        (b"a 1 2\nb 3\nc 5 6\n", r"vectors:2: 'b' has 1 values; expected 2"),
        (b"2 3\na 1 2 3\nb 1 2\n", r"vectors:3: 'b' has 2 values; expected 3"),
        (b"a 1 2\nb 3 x4\n", r"vectors:2: 'x4' is not a number"),
        (b"a 1 2\nb 3  4\n", r"vectors:2: .* not a number"),
        (b"2 2\na 1 2\nb 3 four\n", r"vectors:3: 'four' is not a number"),
        (b"a 1 2\nb nan 4\n", r"vectors:2: the vector of 'b' holds a NaN"),
        (b"a 1 2\nb 1e99 4\n", r"vectors:2: the vector of 'b' holds a NaN or an infinity"),
        (b"3 2\na 1 2\nb 3 4\n", r"vectors:1: the header promises 3 words, but the file holds 2"),
        (b"1 2\na 1 2\nb 3 4\n", r"vectors:1: the header promises 1 words, but the file holds 2"),
        (b"0 2\n", r"vectors:1: the header promises 0 words of width 2"),
        (binary(["a", "b"], MATRIX[:2])[:-3], r"vectors: ends inside word 2, but the header promises 2"),
        (binary(["a"], MATRIX[:1]) + b"more", r"vectors: does not end after the 1 words"),
        (binary(["a"], np.array([[np.nan, 1]])), r"vectors: word 1: the vector of 'a' holds a NaN"),
        (gzip.compress(glove(WORDS, MATRIX), mtime=0)[:-9], r"vectors: is a damaged or truncated compressed file"),
        (gzip.compress(b"x", mtime=0)[:12] + b"\xff" * 30, r"vectors: is a damaged or truncated compressed file"),
        (bz2.compress(glove(WORDS, MATRIX))[:-9], r"vectors: is a damaged or truncated compressed file"),
        (bz2.compress(b"x")[:12] + b"\xff" * 30, r"vectors: is a damaged compressed file"),
        (lzma.compress(glove(WORDS, MATRIX))[:-9], r"vectors: is a damaged or truncated compressed file"),
        (lzma.compress(b"x")[:20] + b"\xff" * 30, r"vectors: is a damaged or truncated compressed file"),
        (packed_tar(b"a 1 2\n"), r"vectors: is a tar archive; unpack it"),
        (gzip.compress(packed_tar(b"a 1 2\n"), mtime=0), r"vectors: is a tar archive; unpack it"),
        (b"PK\x03\x04rest", r"vectors: is a zip archive; unpack it"),
        (b"\xba\x16\x4f\x2frest", r"vectors: is a fastText model"),
    ],
)
def test_read_vectors_names_place_and_fault(write, content, message):
    with pytest.raises(DataError, match=message):
        read_vectors([write(content)])


def test_read_vectors_accepts_large_finite_values(write):
    np.testing.assert_array_equal(read_vectors([write(b"a 1e30 -3e38\n")]).matrix, np.float32([[1e30, -3e38]]))


def test_read_vectors_refuses_files_of_different_width(write):
    with pytest.raises(DataError, match=r"second: vectors have width 3, those of .*first have width 2"):
        read_vectors([write(b"a 1 2\n", "first"), write(b"a 1 2 3\n", "second")])


def test_read_vectors_refuses_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: cannot be read \(No such file"):
        read_vectors([tmp_path / "nowhere"])
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory"):
        read_vectors([tmp_path])
    with pytest.raises(DataError, match=r"paths is empty; .*: set vectors=\[path/to/glove.txt\]"):
        read_vectors([])


def test_read_vectors_of_glove_subsets_unite(repository):
    folder = repository.parent / "shared" / "data" / "glove50"
    if not folder.is_dir():
        pytest.skip(f"no GloVe subsets in {folder}")
    relativized, top = folder / "glove.6B.50d-relativized.txt", folder / "glove.6B.50d-top2987.w2v.txt"
    both = read_vectors([top, relativized])
    assert both.matrix.shape == (9068, 50)
    assert len(set(both.words)) == 9068
    np.testing.assert_array_equal(both.matrix[both.words.index("the"), :2], np.float32([0.418, 0.24968]))
