"""Inputs to label: the base classes of their formats, and raw text."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from io import BufferedIOBase
from typing import Any, NamedTuple, TypeAlias, final

from seqlab.data.records import STRING_COLUMNS
from seqlab.errors import ConfigError
from seqlab.inference.lines import Line, line_chunks, without_mark

Record: TypeAlias = Mapping[str, Any]
"""An input of `Tagger.predict`, with any other keys it came with."""


class ConllLine(NamedTuple):
    """A line of a CoNLL file, kept for the output."""

    text: str
    end: str
    is_token: bool
    has_columns: bool
    """False for blank lines, comments and document starts. Lines with columns that are no token stand for several words."""


class Chunk(NamedTuple):
    """The records in a chunk of the stream; for CoNLL also all lines, whose tokens are those of the records in order."""

    records: Sequence[Record]
    lines: Sequence[ConllLine] = ()
    separator: str = "\t"
    """Separator between the columns of `lines`."""
    numbers: Sequence[int] | None = None
    """Line number of each record, if each has its own line."""
    rows: Sequence[Record] | None = None
    """The row of a table of each record, with all its columns; None for other inputs, whose records are what was read."""


class InputFormat(ABC):
    """Reads records from a stream."""

    columns: Collection[str] | None
    """Columns of the records; None if there may be any."""

    @abstractmethod
    def read(self, stream: BufferedIOBase, *, name: str) -> Iterator[Chunk]:
        """Yield the records, chunk by chunk; `name` names the stream in messages.

        Raises: DataError starting with `name:line` for content that is not in the format.
        """

    def check_columns(self, needed: Sequence[str]) -> None:
        """Raise ConfigError if the format lacks a column that the model reads."""
        missing = [name for name in needed if self.columns is not None and name not in self.columns]
        if missing:
            what = f"the model reads {', '.join(needed)}, but the input has only {', '.join(self.columns or ())}"
            columns = f", or conll with --columns tokens=0,{missing[0]}=1" if missing[0] in STRING_COLUMNS else ""
            raise ConfigError(f"{what}; use --format jsonl with a key {missing[0]!r}{columns}")


class LineFormat(InputFormat):
    """Reads records from lines of UTF-8."""

    def read(self, stream: BufferedIOBase, *, name: str) -> Iterator[Chunk]:
        """Yield the records of the stream's lines."""
        return self.chunks(line_chunks(stream, name=name), name=name)

    @abstractmethod
    def chunks(self, lines: Iterable[list[Line]], *, name: str) -> Iterator[Chunk]:
        """Yield the records of `lines`; see `read`."""


@final
class TextFormat(LineFormat):
    """One record per line; an empty line is an empty record."""

    columns = ("tokens",)

    def chunks(self, lines: Iterable[list[Line]], *, name: str) -> Iterator[Chunk]:
        """Yield a record for each line."""
        for chunk in lines:
            yield Chunk([{"text": without_mark(line)} for line in chunk])
