"""Write vectors to Parquet, JSON lines or NumPy files, in chunks, so that the input may have any size.

Parquet has a row per record or step: `row` (index of the record in the input, from 0), `id` (from the input, else null), for
steps also `start` and `end` (tokens, end exclusive) and `label_HEAD` for each head that labels steps, then `text` and `vector`.
The metadata key `seqlab` says which model made the vectors, and whether they are of records or steps. Each row group is a chunk
of the input.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from jaxtyping import Float
from numpy.lib import format as npy

from seqlab import __version__
from seqlab.data.atomic_write import to_json
from seqlab.errors import ConfigError
from seqlab.inference.inputs import Record
from seqlab.inference.tagger import Tagger
from seqlab.inference.vectors.encode import EncodedRecord

KEY = b"seqlab"
"""Key of the Parquet metadata."""
RECORDS, STEPS = "records", "steps"
N_DECIMALS = 6
"""Digits of vectors in JSON."""


class VectorKind(NamedTuple):
    """The kind of vectors in a file."""

    model: str
    """Fingerprint of the model that made them."""
    vectors: str
    """`records` or `steps`."""
    width: int
    heads: tuple[str, ...]
    """Heads that label the steps."""

    def schema(self) -> pa.Schema:
        """Return the schema of a Parquet file."""
        bounds, labels = [("start", pa.int32()), ("end", pa.int32())], [(f"label_{head}", pa.string()) for head in self.heads]
        of_steps = [*bounds, *labels] if self.vectors == STEPS else []
        # A fixed size needs no offsets, and readers get a matrix without copying.
        vector = pa.list_(pa.float32(), self.width)
        fields = [("row", pa.int64()), ("id", pa.string()), *of_steps, ("text", pa.string()), ("vector", vector)]
        return pa.schema(fields, metadata={KEY: json.dumps({"seqlab_version": __version__, **self._asdict()}).encode()})


class Part(NamedTuple):
    """The rows of one record."""

    row: int
    id: str | None
    columns: Mapping[str, list[Any]]
    """Columns that vary within a record, except for the vectors."""
    vectors: Float[np.ndarray, "row feature"]


class VectorFile(ABC):
    """Takes the vectors of records, chunk by chunk; `close` completes the file.

    Args:
        path: The file to write.
        kind: The kind of vectors.
    """

    def __init__(self, path: Path, *, kind: VectorKind) -> None:
        self.path = path
        self.kind = kind
        self.n_records = 0

    def write(self, records: Sequence[Record], encoded: Sequence[EncodedRecord]) -> None:
        """Add the vectors of `records`."""
        pairs = zip(records, encoded, strict=True)
        parts = [self._part(row, *pair) for row, pair in enumerate(pairs, start=self.n_records)]
        self.n_records += len(parts)
        self.add(parts)

    def _part(self, row: int, record: Record, encoded: EncodedRecord) -> Part:
        name = None if record.get("id") is None else str(record["id"])
        if encoded.steps is None:
            text = record.get("text")
            whole = text if isinstance(text, str) else " ".join(encoded.tokens)
            return Part(row, name, {"text": [whole]}, encoded.whole[None])
        bounds = encoded.steps.bounds
        labels = {f"label_{head}": labels for head, labels in encoded.steps.labels.items()}
        texts = [" ".join(encoded.tokens[start:end]) for start, end in bounds]
        starts, ends = [start for start, _ in bounds], [end for _, end in bounds]
        return Part(row, name, {"start": starts, "end": ends, **labels, "text": texts}, encoded.steps.values)

    @abstractmethod
    def add(self, parts: Sequence[Part]) -> None:
        """Add the rows of each record."""

    @abstractmethod
    def close(self) -> None:
        """Complete the file."""


@final
class ParquetVectors(VectorFile):
    """Parquet, with a row group per chunk.

    Args:
        path: The file to write.
        kind: The kind of vectors, as `kind_of` returns it.
    """

    def __init__(self, path: Path, *, kind: VectorKind) -> None:
        super().__init__(path, kind=kind)
        self._schema = kind.schema()
        self._writer = pyarrow.parquet.ParquetWriter(path, self._schema)

    def add(self, parts: Sequence[Part]) -> None:
        """Write a row group."""
        if not parts:
            return
        sizes = [len(part.vectors) for part in parts]
        rows = {"row": np.repeat([part.row for part in parts], sizes)}
        ids = {"id": [part.id for part, size in zip(parts, sizes, strict=True) for _ in range(size)]}
        others = {name: list(chain.from_iterable(part.columns[name] for part in parts)) for name in parts[0].columns}
        # Arrow takes the flat array without copying each row.
        numbers = np.concatenate([part.vectors for part in parts]).astype(np.float32).reshape(-1)
        vectors = {"vector": pa.FixedSizeListArray.from_arrays(pa.array(numbers), self.kind.width)}
        self._writer.write_table(pa.table({**rows, **ids, **others, **vectors}, schema=self._schema))

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


@final
class JsonlVectors(VectorFile):
    """A JSON object per record; for steps, with a list under `steps`.

    Args:
        path: The file to write.
        kind: The kind of vectors, as `kind_of` returns it.
    """

    def __init__(self, path: Path, *, kind: VectorKind) -> None:
        super().__init__(path, kind=kind)
        self._stream = path.open("w", encoding="utf-8", newline="")

    def add(self, parts: Sequence[Part]) -> None:
        """Write a line for each record."""
        for part in parts:
            # Rounded as doubles: rounding float32 gives digits such as 0.30000001.
            columns = {**part.columns, "vector": np.round(part.vectors.astype(np.float64), N_DECIMALS).tolist()}
            rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
            content = rows[0] if self.kind.vectors == RECORDS else {"steps": rows}
            self._stream.write(to_json({"row": part.row, "id": part.id, **content}) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


@final
class NpyVectors(VectorFile):
    """Only the vectors, as float32 rows in input order.

    Args:
        path: The file to write.
        kind: The kind of vectors, as `kind_of` returns it.
    """

    def __init__(self, path: Path, *, kind: VectorKind) -> None:
        super().__init__(path, kind=kind)
        self._stream = path.open("wb")
        self._n_rows = 0
        self._write_header()

    def add(self, parts: Sequence[Part]) -> None:
        """Write the rows."""
        for part in parts:
            self._n_rows += len(part.vectors)
            self._stream.write(np.ascontiguousarray(part.vectors, dtype="<f4").tobytes())

    def close(self) -> None:
        """Write the header again with the number of rows."""
        self._stream.seek(0)
        self._write_header()
        self._stream.close()

    def _write_header(self) -> None:
        # NumPy pads the header for a growing number of rows, so its size stays the same.
        shape = (self._n_rows, self.kind.width)
        npy.write_array_header_1_0(self._stream, {"descr": "<f4", "fortran_order": False, "shape": shape})


_FILES: dict[str, type[VectorFile]] = {".parquet": ParquetVectors, ".jsonl": JsonlVectors, ".npy": NpyVectors}


def file_type(path: Path) -> type[VectorFile]:
    """Return the class that writes files with the extension of `path`.

    Raises: ConfigError for other extensions.
    """
    if path.suffix not in _FILES:
        raise ConfigError(f"{path} ends in {path.suffix or 'nothing'!r}; expected one of {', '.join(_FILES)}")
    return _FILES[path.suffix]


def kind_of(tagger: Tagger, *, use_steps: bool) -> VectorKind:
    """Return the kind of vectors that a model makes."""
    labeler = tagger.bundle.labeler
    heads = tuple(name for name, head in labeler.heads.items() if head.is_per_step) if use_steps else ()
    width = labeler.encoder.output_width if use_steps else labeler.encoder.summary_width
    return VectorKind(tagger.bundle.fingerprint, STEPS if use_steps else RECORDS, width, heads)
