"""File formats of word vectors, detected by content: GloVe, word2vec (text and binary) and fastText ``.vec``.

Text formats have a word and its values on each line, separated by single spaces. Words may contain spaces themselves (GloVe
840B, fastText), so lines are split from the right.
"""

import bz2
import gzip
import io
import lzma
import math
import re
import zlib
from codecs import getincrementaldecoder
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from jaxtyping import Float

from seqlab.errors import DataError

Vector: TypeAlias = Float[np.ndarray, " feature"]
_Line: TypeAlias = tuple[str, bytes]
"""Its place (``path:line``) and its bytes without the line end."""

_HEADER = re.compile(rb"(\d{1,12}) (\d{1,6})\s*")
_OPENERS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    **{b"BZh%d" % level: bz2.open for level in range(1, 10)},
    b"\xfd7zX": lzma.open,
}
"""Start of a compressed file -> the function that opens it."""
_TAR_MAGIC, _TAR_MAGIC_PLACE = b"ustar", 257
_FOREIGN_MAGIC = {
    b"PK\x03\x04": "a zip archive; unpack it and name the text file inside",
    b"7z\xbc\xaf": "a 7z archive; unpack it and name the text file inside",
    b"\x28\xb5\x2f\xfd": "a zstd file; unpack it and name the result",
    b"\xba\x16\x4f\x2f": "a fastText model (.bin); read it with embedding=fasttext, or name the .vec file that comes with it",
}
# text has no control characters but tab and line ends; binary floats nearly always have some
_CONTROL_BYTES = bytes(set(range(32)) - set(b"\t\n\r"))
_BUFFER_SIZE = 1 << 16
_N_HEAD_LINES = 100
_FLOAT_SIZE = 4


def read_entries(path: Path) -> Generator[tuple[bytes, Vector], None, None]:
    """Yield each word of the file as bytes and its float32 vector, in file order, with repeated words.

    Raises:
        DataError: the file is missing, empty, damaged or in an unknown format, or a value is not a finite number.
    """
    try:
        with _open(path) as stream:
            yield from _stream_entries(stream, path)
    except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path}: is a damaged or truncated compressed file ({error}); download it again") from error
    except OSError as error:
        if error.strerror is None:  # `bz2` gives no reason
            raise DataError(f"{path}: is a damaged compressed file ({error}); download it again") from error
        raise DataError(f"{path}: cannot be read ({error.strerror}); name a file that exists") from error


def _open(path: Path) -> io.BufferedReader:
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic in _FOREIGN_MAGIC:
        raise DataError(f"{path}: is {_FOREIGN_MAGIC[magic]}")
    opener = next((opener for start, opener in _OPENERS.items() if magic.startswith(start)), None)
    if opener is not None:
        return io.BufferedReader(cast(io.RawIOBase, opener(path)), _BUFFER_SIZE)
    # unbuffered below, so that `peek` of this buffer sees enough of the file
    return io.BufferedReader(path.open("rb", buffering=0), _BUFFER_SIZE)


def _stream_entries(stream: io.BufferedReader, path: Path) -> Iterator[tuple[bytes, Vector]]:
    # `peek` consumes nothing, so a file that is no archive is read from its start
    head = stream.peek(_TAR_MAGIC_PLACE + len(_TAR_MAGIC))
    if head[_TAR_MAGIC_PLACE:].startswith(_TAR_MAGIC):
        raise DataError(f"{path}: is a tar archive; unpack it and name the text file inside")
    # a byte order mark would become part of the first word
    first_line = stream.readline().removeprefix(b"\xef\xbb\xbf")
    header = _HEADER.fullmatch(first_line)
    if header is None:
        yield from _text_entries(_numbered(path, chain([first_line], stream), start=1), path)
        return
    n_words, width = int(header[1]), int(header[2])
    if not n_words or not width:
        raise DataError(f"{path}:1: the header promises {n_words} words of width {width}; expected both above 0")
    if _is_binary(stream, width):
        yield from _binary_entries(stream, path, n_words=n_words, width=width)
    else:
        yield from _text_entries(_numbered(path, stream, start=2), path, width=width, n_words=n_words)


def _is_binary(stream: io.BufferedReader, width: int) -> bool:
    """Return whether word2vec data is binary, judged by the bytes after the header, which are not consumed."""
    sample = stream.peek()
    _, *fields = sample.split(b"\n", 1)[0].rstrip(b" \r").rsplit(b" ", width)
    if fields and all(map(_is_number, fields)):
        return False
    try:
        getincrementaldecoder("utf-8")().decode(sample)  # incremental: the sample may end inside a character
    except UnicodeDecodeError:
        return True
    return sample.translate(None, _CONTROL_BYTES) != sample


def _numbered(path: Path, lines: Iterable[bytes], *, start: int) -> Iterator[_Line]:
    """Yield the lines that are not empty."""
    for number, line in enumerate(lines, start=start):
        if stripped := line.rstrip(b" \r\n"):
            yield f"{path}:{number}", stripped


def _text_entries(
    lines: Iterator[_Line], path: Path, *, width: int = 0, n_words: int | None = None
) -> Iterator[tuple[bytes, Vector]]:
    """Yield the entries of text, then compare their number with that of the header, if there is one."""
    head = list(islice(lines, _N_HEAD_LINES))
    if not head:
        raise DataError(f"{path}: holds no words; expected a word and its values on each line")
    # a file without a header does not give its width
    width = width or _commonest_width(head)
    n_found = 0
    for where, line in chain(head, lines):
        word, *fields = line.rsplit(b" ", width)
        if len(fields) != width:
            expected = f"expected {width}, separated by single spaces"
            raise DataError(f"{where}: {_shown(word)} has {len(fields)} values; {expected}; correct or delete the line")
        yield word, _finite(where, word, _parse(where, fields))
        n_found += 1
    if n_words is not None and n_found != n_words:
        what = f"the header promises {n_words} words, but the file holds {n_found}"
        change = "download the file again, or correct the number in line 1 if you shortened the file"
        raise DataError(f"{path}:1: {what}; {change}")


def _commonest_width(head: list[_Line]) -> int:
    """Return the most common width of the first lines: words with spaces and damaged lines are rare."""
    [(width, _)] = Counter(line.count(b" ") for _, line in head).most_common(1)
    if not width:
        where, line = head[0]
        raise DataError(f"{where}: {_shown(line)} holds no space; expected a word and its values, separated by spaces")
    return width


def _parse(where: str, fields: list[bytes]) -> Vector:
    try:
        return np.array(fields, dtype=np.float32)
    except ValueError:
        culprit = next(field for field in fields if not _is_number(field))
        what = f"{_shown(culprit)} is not a number; expected {len(fields)} numbers after the word"
        raise DataError(f"{where}: {what}; correct or delete the line") from None


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _finite(where: str, word: bytes, vector: Vector) -> Vector:
    # The sum of squares is much cheaper than a test of each value, but it may overflow, so a failure is checked again.
    if not math.isfinite(vector @ vector) and not np.isfinite(vector).all():
        raise DataError(f"{where}: the vector of {_shown(word)} holds a NaN or an infinity; expected finite numbers")
    return vector


def _binary_entries(stream: io.BufferedReader, path: Path, *, n_words: int, width: int) -> Iterator[tuple[bytes, Vector]]:
    for number in range(1, n_words + 1):
        word = _binary_word(stream)
        raw = stream.read(_FLOAT_SIZE * width)
        if len(raw) < _FLOAT_SIZE * width:
            raise DataError(f"{path}: ends inside word {number}, but the header promises {n_words}; download the file again")
        # word2vec writes floats in the byte order of the machine, which in practice is little-endian
        vector = np.frombuffer(raw, dtype="<f4").astype(np.float32, copy=False)
        yield word, _finite(f"{path}: word {number}", word, vector)
    # a final newline is allowed
    if stream.read(2).strip():
        raise DataError(f"{path}: does not end after the {n_words} words in its header; download it again")


def _binary_word(stream: io.BufferedReader) -> bytes:
    """Read up to the next space; some writers end vectors with a newline, which then precedes the word."""
    letters = bytearray()
    # one byte at a time, because the length of a word is unknown; the buffered stream makes this cheap
    while (letter := stream.read(1)) not in (b" ", b""):
        letters += letter
    return bytes(letters.removeprefix(b"\n"))


def _shown(field: bytes) -> str:
    return repr(field[:40].decode("utf-8", errors="replace"))
