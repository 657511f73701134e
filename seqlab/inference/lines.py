"""Split a byte stream into lines, in chunks: files may be huge, and pipes endless."""

from collections.abc import Iterator
from io import BufferedIOBase
from typing import NamedTuple, final

from seqlab.errors import DataError

CHUNK_BYTES = 1 << 18
"""Maximum size of a read: about 50,000 tokens, enough to fill batches of similar lengths."""


class Line(NamedTuple):
    r"""A line, ended by ``\n`` or ``\r\n`` only; `end` is empty if the stream ends without one."""

    number: int
    """Counted from 1."""
    text: str
    end: str


def line_chunks(stream: BufferedIOBase, *, name: str) -> Iterator[list[Line]]:
    r"""Yield the lines in chunks of whatever the stream has ready, without splitting a line.

    A byte order mark stays at the start of the first line. `name` names the stream in messages.

    Raises: DataError starting with `name:line` for bytes that are not UTF-8.
    """
    number = 1
    for data in _whole_lines(stream):
        try:
            # `str.splitlines` would also split at U+2028 and others, which may be part of a token.
            *texts, last = data.decode("utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise _not_utf8(data, error.start, first=number, name=name) from None
        lines = [
            Line(i, text[:-1], "\r\n") if text.endswith("\r") else Line(i, text, "\n") for i, text in enumerate(texts, number)
        ]
        number += len(lines)
        yield [*lines, Line(number, last, "")] if last else lines


def with_head(stream: BufferedIOBase, *, n_bytes: int) -> tuple[bytes, BufferedIOBase]:
    """Return the first bytes of a stream, and a stream with all of it.

    Of a pipe, the first bytes are those that are ready.
    """
    if stream.seekable():
        start = stream.tell()
        head = stream.read(n_bytes)
        stream.seek(start)
        return head, stream
    # `read` would wait until a slow pipe has given all of them.
    head = stream.read1(n_bytes)
    return head, _Replayed(head, stream)


@final
class _Replayed(BufferedIOBase):
    """A stream whose first bytes were already taken from `rest`."""

    def __init__(self, head: bytes, rest: BufferedIOBase) -> None:
        self._head, self._rest = head, rest

    def read1(self, size: int = -1, /) -> bytes:
        if not self._head:
            return self._rest.read1(size)
        n = len(self._head) if size < 0 else size
        found, self._head = self._head[:n], self._head[n:]
        return found

    def read(self, size: int | None = -1, /) -> bytes:
        parts = []
        while part := self.read1():
            parts.append(part)
        return b"".join(parts)


def without_mark(line: Line) -> str:
    """Return the text of `line` without a byte order mark at the start of the stream."""
    return line.text.removeprefix("\ufeff") if line.number == 1 else line.text


def _whole_lines(stream: BufferedIOBase) -> Iterator[bytes]:
    unfinished: list[bytes] = []
    # read1 returns what is ready, so that a slow pipe is labelled line by line.
    while data := stream.read1(CHUNK_BYTES):
        lines, newline, rest = data.rpartition(b"\n")
        if newline:
            yield b"".join([*unfinished, lines, newline])
            unfinished = []
        # Collected and joined once: a huge line would be copied again with each read.
        unfinished.append(rest)
    if last := b"".join(unfinished):
        yield last


def _not_utf8(data: bytes, position: int, *, first: int, name: str) -> DataError:
    number = first + data.count(b"\n", 0, position)
    # rfind gives -1 on the first line, so columns count from 1 on every line.
    column = position - data.rfind(b"\n", 0, position)
    return DataError(
        f"{name}:{number}: byte {data[position]:#04x} at byte {column} of the line is not UTF-8;"
        " convert it, e.g. with `iconv -f latin1 -t utf-8`"
    )
