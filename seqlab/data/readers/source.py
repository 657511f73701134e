"""Lines of a text file, and faults in it: readers raise the first fault, the data doctor collects all."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn, TypeAlias, final

from seqlab.errors import DataError, shortened

_COMPRESSED = {
    b"\x1f\x8b": "a gzip file",
    b"BZh91AY&SY": "a bzip2 file",
    b"\xfd7zXZ\x00": "an xz file",
    b"PK\x03\x04": "a zip archive (or a workbook)",
    b"\x28\xb5\x2f\xfd": "a zstd file",
}
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_UTF_32_MARKS = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
_N_BYTES_SNIFFED = 1000


class Fault(NamedTuple):
    """An error at `line` (counted from 1) of the file `path`."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


Report: TypeAlias = Callable[[Fault], None]
"""Receives the faults of a file: `refuse`, or the `append` of a list."""


def refuse(fault: Fault) -> NoReturn:
    """Raise the fault as a DataError."""
    raise DataError(str(fault))


@final
class Source:
    """A text file in UTF-8, and the faults in it.

    Args:
        path: The file.
        report: Receives each fault; by default, the first one is raised as a DataError.
    """

    def __init__(self, path: Path, *, report: Report = refuse) -> None:
        self.path = path
        self._report = report

    def fault(self, line: int, message: str) -> None:
        """Report a fault at `line`; the middle of a long message, which quotes a long value, is left out."""
        self._report(Fault(self.path, line, shortened(message)))

    @contextmanager
    def skipping(self, line: int) -> Iterator[None]:
        """Report a DataError in the block as a fault at `line`, and continue after the block."""
        try:
            yield
        except DataError as error:
            self.fault(line, str(error))

    def lines(self) -> list[str]:
        r"""Return the lines without line ends and without a leading byte order mark.

        Only ``\n`` and ``\r\n`` end a line, and ``\r`` in a file without ``\n``: U+2028, U+0085 and other separators of
        `str.splitlines` may be part of a token. A line that is not UTF-8 is a fault; its invalid bytes become U+FFFD.

        Raises:
            DataError: the file cannot be read, or is compressed or in UTF-16 or UTF-32.
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read: {error.strerror}; check the path (data.dir, data.splits)") from error
        if (found := no_utf8(data)) is not None:
            raise DataError(f"{self.path}: {found}")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = "\n".join(self._decode_lines(data))
        lines = split_lines(text)
        # a final line end leaves an empty string, which is no line
        return lines if lines[-1] else lines[:-1]

    def filled_lines(self) -> list[tuple[int, str]]:
        """Return the lines that are not blank, with their numbers."""
        return [(number, line) for number, line in enumerate(self.lines(), 1) if not is_blank(line)]

    def _decode_lines(self, data: bytes) -> list[str]:
        decoded, offset = [], 0
        # line by line, to find the line of each invalid byte
        for number, line in enumerate(data.split(b"\n"), 1):
            try:
                decoded.append(line.decode("utf-8"))
            except UnicodeDecodeError as error:
                where = f"byte {line[error.start]:#04x} at offset {offset + error.start}"
                self.fault(number, f"{where} is not UTF-8; convert the file, e.g. with `iconv -f latin1 -t utf-8`")
                decoded.append(line.decode("utf-8", errors="replace"))
            offset += len(line) + 1
        return decoded


def no_utf8(data: bytes) -> str | None:
    """Return what a file that begins with `data` is instead of UTF-8 text, and what to do; None if it may be UTF-8."""
    for magic, kind in _COMPRESSED.items():
        if data.startswith(magic):
            return f"is {kind}, not text; unpack it"
    sample = data[:_N_BYTES_SNIFFED]
    # in UTF-16, every other byte of Latin letters and digits is 0
    n_zeros = max(sample[0::2].count(0), sample[1::2].count(0))
    is_utf16 = data.startswith(_UTF_16_MARKS) or (len(sample) > 3 and n_zeros > len(sample) / 4)
    encoding = "utf-32" if data.startswith(_UTF_32_MARKS) else "utf-16" if is_utf16 else None
    return encoding and f"is {encoding.upper()} text, not UTF-8; convert it, e.g. with `iconv -f {encoding} -t utf-8`"


def split_lines(text: str) -> list[str]:
    r"""Split at ``\n`` and ``\r\n``, or at ``\r`` if there is no ``\n``; a leading byte order mark is removed."""
    ends = "\r" if "\n" not in text else "\r\n"
    # U+FEFF is a byte order mark at the start of a file only; elsewhere it is part of the text
    return text.removeprefix("\ufeff").replace(ends, "\n").split("\n")


def is_blank(line: str) -> bool:
    """Return whether `line` has only spaces and tabs (a no-break space is text)."""
    return not line.strip(" \t")


def is_number(cell: str, *, most: int) -> bool:
    """Return whether `cell` is a decimal number up to `most`."""
    # the length first: Python converts no string of more than 4,300 digits
    digits = cell.lstrip("0") or "0"
    return cell.isdecimal() and len(digits) <= len(str(most)) and int(digits) <= most


def split_spaces(line: str) -> list[str]:
    """Split `line` at runs of U+0020 only: other white space may be part of a token."""
    return [word for word in line.split(" ") if word]


def split_labels(text: str, separator: str | None) -> str | list[str]:
    """Return the labels in `text`; with `separator` None, `text` is the one label."""
    return text if separator is None else [label.strip(" ") for label in text.split(separator)]
