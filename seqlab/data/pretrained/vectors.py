"""Pretrained word vectors from several files as one matrix."""

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float

from seqlab.data.pretrained.formats import read_entries
from seqlab.errors import DataError

_LOG = logging.getLogger(__name__)


@final
@dataclass(frozen=True, slots=True)
class WordVectors:
    """Distinct words in file order, and their float32 vectors."""

    words: list[str]
    matrix: Float[np.ndarray, "word feature"]


def read_vectors(paths: Sequence[Path]) -> WordVectors:
    r"""Return the word vectors of all files; the first vector of a word counts.

    The format is detected by content: GloVe text, word2vec text and binary, or fastText ``.vec``, which may be compressed
    (gzip, bzip2, xz). Words with several different vectors, and words that are not valid UTF-8, are counted in a warning; the
    latter keep their invalid bytes as escapes (``\xe9``).

    Raises:
        DataError: a file is missing, empty, damaged or in an unknown format, has a value that is not a finite number, or has
            another width than the first file.
    """
    if not paths:
        raise DataError("paths is empty; expected at least one file of word vectors: set vectors=[path/to/glove.txt]")
    rows: dict[str, int] = {}
    matrix = bytearray()  # grows in place, so that there is never a second copy of the matrix
    width = 0
    with np.errstate(over="ignore", invalid="ignore"):  # numbers that are not finite are reported by the reader
        for path in paths:
            width = _add_file(path, rows, matrix, width=width, first_path=paths[0])
    return WordVectors(list(rows), np.frombuffer(matrix, dtype=np.float32).reshape(len(rows), width))


def _add_file(path: Path, rows: dict[str, int], matrix: bytearray, *, width: int, first_path: Path) -> int:
    """Append the new words of one file to `rows` and their vectors to `matrix`; return the width (0 if unknown)."""
    n_before = len(rows)
    counts: Counter[str] = Counter()
    with closing(read_entries(path)) as entries:
        for raw_word, vector in entries:
            if width and len(vector) != width:
                expected = f"those of {first_path} have width {width}; remove one of the two files"
                raise DataError(f"{path}: vectors have width {len(vector)}, {expected}")
            width = len(vector)
            # escapes keep words distinct that would both become U+FFFD
            word = raw_word.decode("utf-8", errors="backslashreplace")
            if not raw_word.isascii() and word.encode() != raw_word:
                counts["are not valid UTF-8 and match no token"] += 1
            row = rows.setdefault(word, len(rows))
            raw = vector.tobytes()
            # a new word has the next row, whose bytes begin where the matrix ends
            begin = row * len(raw)
            if begin == len(matrix):
                matrix += raw
            elif matrix[begin : begin + len(raw)] != raw:
                place = "an earlier file" if row < n_before else "the same file"
                counts[f"have another vector earlier in {place}; the first is kept"] += 1
    for fault, n_words in counts.items():
        _LOG.warning("%s: %d words %s", path, n_words, fault)
    return width
