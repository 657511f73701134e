"""Records to label that a training reader reads: trees, parallel files, and the formats of plugins."""

from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import final

from seqlab.data.readers import Reader
from seqlab.inference.inputs import Chunk, InputFormat

_N_RECORDS = 1000
"""Records in a chunk."""


@final
class ReaderFormat(InputFormat):
    """The records of a file or folder, with all columns that the reader finds.

    Args:
        reader: The reader.
        path: The file or folder; it is read as a whole.
    """

    columns = None

    def __init__(self, reader: Reader, path: Path) -> None:
        self.reader, self.path = reader, path

    def read(self, stream: BufferedIOBase, *, name: str) -> Iterator[Chunk]:
        """Yield the records, some at a time; the stream is not used."""
        records = self.reader.read(self.path)
        for start in range(0, len(records), _N_RECORDS):
            columns = records[start : start + _N_RECORDS]
            numbers = columns.pop("line", None)
            rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
            yield Chunk(rows, numbers=numbers)
