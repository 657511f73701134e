"""Lines of a file, and what is wrong in it: readers refuse the first fault, the data doctor collects them all."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, NoReturn, TypeAlias, final

from seqlab.errors import DataError


class Fault(NamedTuple):
    """What is wrong at `line` (counted from 1) of the file `path`."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


Report: TypeAlias = Callable[[Fault], None]
"""Where a parser tells its faults: `refuse`, or the `append` of a list."""


def refuse(fault: Fault) -> NoReturn:
    """Raise the fault as a DataError."""
    raise DataError(str(fault))


@final
class Source:
    """One text file, and where the faults found in it go."""

    def __init__(self, path: Path, *, report: Report) -> None:
        self.path = path
        self._report = report

    def fault(self, line: int, message: str) -> None:
        """Report what is wrong at `line`."""
        self._report(Fault(self.path, line, message))

    def lines(self) -> list[str]:
        r"""Return the lines, cut at ``\n`` or ``\r\n`` only (U+2028, U+0085 … stay), without a leading byte order mark.

        Each line that is not UTF-8 is a fault; past it, the undecodable bytes read as U+FFFD.
        """
        data = self._bytes()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = "\n".join(self._decode_lines(data))
        if text.startswith("\ufeff"):
            text = text[1:]
        if "\r\n" in text:
            text = text.replace("\r\n", "\n")
        lines = text.split("\n")
        return lines if lines[-1] else lines[:-1]

    def _bytes(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read: {error.strerror}; check the path (data.dir, data.splits)") from error

    def _decode_lines(self, data: bytes) -> list[str]:
        decoded, offset = [], 0
        for number, line in enumerate(data.split(b"\n"), 1):
            try:
                decoded.append(line.decode("utf-8"))
            except UnicodeDecodeError as error:
                where = f"byte {line[error.start]:#04x} at offset {offset + error.start}"
                self.fault(number, f"{where} is not UTF-8; convert the file, e.g. with `iconv -f latin1 -t utf-8`")
                decoded.append(line.decode("utf-8", errors="replace"))
            offset += len(line) + 1
        return decoded


def is_blank(line: str) -> bool:
    """Return whether `line` holds nothing but spaces and tabs (an NBSP is text)."""
    return not line.strip(" \t")


def split_spaces(line: str) -> list[str]:
    """Return what stands between runs of U+0020 (and no other white space)."""
    return [word for word in line.split(" ") if word]
