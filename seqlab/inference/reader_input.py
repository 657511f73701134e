"""Records to label that a training reader reads: trees, parallel files, and the formats of plugins."""

from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import final

import datasets

from seqlab.data.readers import Reader
from seqlab.errors import DataError
from seqlab.inference.inputs import Chunk, InputFormat

_N_RECORDS = 1000
"""Records in a chunk."""


@final
class ReaderFormat(InputFormat):
    """The records of a file or folder, with all columns that the reader finds.

    Args:
        reader: The reader.
        path: The file or folder; None for a stream. It is read as a whole.
    """

    columns = None

    def __init__(self, reader: Reader, path: Path | None) -> None:
        self.reader, self.path = reader, path

    def read(self, stream: BufferedIOBase, *, name: str) -> Iterator[Chunk]:
        """Yield the records, some at a time; the stream is used only without a path."""
        records = self._of_stream(stream, name=name) if self.path is None else self.reader.read(self.path)
        for start in range(0, len(records), _N_RECORDS):
            columns = records[start : start + _N_RECORDS]
            numbers = columns.pop("line", None)
            rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
            yield Chunk(rows, numbers=numbers)

    def _of_stream(self, stream: BufferedIOBase, *, name: str) -> datasets.Dataset:
        """Return the records of a stream from a copy of it, as readers read files; messages have the name of the stream."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "stdin"
            # Readers open their file by its path, so a stream needs one too.
            path.write_bytes(stream.read())
            try:
                return self.reader.read(path)
            except DataError as error:
                raise DataError(str(error).replace(str(path), name)) from None
