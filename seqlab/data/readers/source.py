"""Lines of a text file, and faults in it: readers raise the first fault, the data doctor collects all."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn, TypeAlias, final

from seqlab.errors import DataError


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
        """Report a fault at `line`."""
        self._report(Fault(self.path, line, message))

    @contextmanager
    def skipping(self, line: int) -> Iterator[None]:
        """Report a DataError in the block as a fault at `line`, and continue after the block."""
        try:
            yield
        except DataError as error:
            self.fault(line, str(error))

    def lines(self) -> list[str]:
        r"""Return the lines without line ends and without a leading byte order mark.

        Only ``\n`` and ``\r\n`` end a line: U+2028, U+0085 and other separators of `str.splitlines` may be part of a token.
        A line that is not UTF-8 is a fault; its invalid bytes become U+FFFD.
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read: {error.strerror}; check the path (data.dir, data.splits)") from error
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = "\n".join(self._decode_lines(data))
        lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
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
