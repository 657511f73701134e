"""Models of fastText (``.bin``): vectors of words and of their character n-grams, which are hashed into buckets.

Source: Bojanowski, Grave, Joulin and Mikolov, "Enriching word vectors with subword information", 2017; the file format is that
of fastText 0.9.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, final

import numpy as np
from jaxtyping import Float

from seqlab.data.columns import Ragged
from seqlab.errors import DataError

_MAGIC, _VERSION = 793712314, 12
_SETTINGS = ("dim", "ws", "epoch", "minCount", "neg", "wordNgrams", "loss", "model", "bucket", "minn", "maxn", "lrUpdateRate")
_END = b"</s>"
"""The end of a line is in the vocabulary, and has no n-grams."""


@final
@dataclass(frozen=True)
class FastTextWords:
    """The words of a model, and how n-grams become rows: those of words come first, then those of buckets."""

    words: Sequence[str]
    n_buckets: int
    min_n: int
    max_n: int

    @cached_property
    def _rows(self) -> Mapping[str, int]:
        return {word: row for row, word in enumerate(self.words)}

    def rows(self, words: Sequence[str]) -> Ragged:
        """Return the rows whose mean is the vector of each word: its own if it has one, and those of its n-grams."""
        rows = [self._rows_of(word) for word in words]
        values = np.asarray([row for own in rows for row in own], dtype=np.int64)
        return Ragged(values, np.cumsum([0, *map(len, rows)], dtype=np.int64))

    def _rows_of(self, word: str) -> list[int]:
        own = [self._rows[word]] if word in self._rows else []
        raw = word.encode("utf-8", errors="surrogatepass")
        return own if raw == _END else own + list(self._buckets(b"<" + raw + b">"))

    def _buckets(self, word: bytes) -> Iterator[int]:
        # only bytes that begin a character begin and end n-grams
        starts = [i for i, byte in enumerate(word) if byte & 0xC0 != 0x80] + [len(word)]
        n_chars = len(starts) - 1
        for first in range(n_chars):
            value = 2166136261  # FNV-1a, where fastText extends the sign of each byte
            for n in range(1, min(self.max_n, n_chars - first) + 1):
                for byte in word[starts[first + n - 1] : starts[first + n]]:
                    value = ((value ^ (byte if byte < 0x80 else byte | 0xFFFFFF00)) * 16777619) & 0xFFFFFFFF
                is_bracket = n == 1 and first in (0, n_chars - 1)
                if n >= self.min_n and not is_bracket:
                    yield len(self.words) + value % self.n_buckets


def read_fasttext(path: Path) -> tuple[FastTextWords, Float[np.ndarray, "row feature"]]:
    """Return the words of a model and its table of vectors, float32.

    Raises:
        DataError: the file is missing, damaged, quantised (``.ftz``) or not a model of fastText, or a value is not finite.
    """
    try:
        with path.open("rb") as stream:
            return _read(stream, path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); name a fastText model that exists") from error
    except (struct.error, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is damaged or truncated; download it again") from error


def _read(stream: BinaryIO, path: Path) -> tuple[FastTextWords, Float[np.ndarray, "row feature"]]:
    magic, version = _numbers(stream, "ii")
    if magic != _MAGIC or version != _VERSION:
        raise DataError(f"{path}: is not a model of fastText 0.2 or newer (.bin); for vectors as text, use embedding=vectors")
    settings = dict(zip(_SETTINGS, _numbers(stream, "12i"), strict=True))
    stream.read(struct.calcsize("<d"))  # a sampling threshold of training
    n_entries, n_words, n_labels, _, n_pruned = _numbers(stream, "iiiqq")
    words = [_entry(stream) for _ in range(n_entries)]
    is_quantised, n_rows, width = _numbers(stream, "?qq")
    if is_quantised or n_pruned >= 0:
        raise DataError(f"{path}: is quantised (.ftz); name the model before quantisation (.bin)")
    if n_words + n_labels != n_entries or n_rows != n_words + settings["bucket"] or width != settings["dim"]:
        raise DataError(f"{path}: is damaged: its sizes contradict each other; download it again")
    values = np.fromfile(stream, dtype="<f4", count=n_rows * width)
    if len(values) < n_rows * width:
        raise EOFError
    if not np.isfinite(values).all():
        raise DataError(f"{path}: holds values that are not finite; download it again")
    matrix = values.astype(np.float32, copy=False).reshape(n_rows, width)
    return FastTextWords(words[:n_words], settings["bucket"], settings["minn"], settings["maxn"]), matrix


def _numbers(stream: BinaryIO, form: str) -> tuple[int, ...]:
    layout = struct.Struct(f"<{form}")
    return layout.unpack(stream.read(layout.size))


def _entry(stream: BinaryIO) -> str:
    """Read a word; its count and kind follow. Labels come after all words."""
    letters = bytearray()
    while (letter := stream.read(1)) != b"\0":
        if not letter:
            raise EOFError
        letters += letter
    _numbers(stream, "qb")
    return letters.decode("utf-8", errors="backslashreplace")
