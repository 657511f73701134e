"""Exact cosine search in a Parquet file of vectors, one row group at a time."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from jaxtyping import Float

from seqlab.errors import ConfigError, DataError
from seqlab.inference.given import Input
from seqlab.inference.tagger import Tagger
from seqlab.inference.vectors.files import KEY, STEPS


class Neighbour(NamedTuple):
    """A row of the file, with its similarity to the query."""

    cosine: float
    """From -1 to 1; 0 if either vector is zero."""
    place: int
    """Row in the file, from 0."""
    content: dict[str, Any]
    """All columns except the vector."""


@final
class VectorSearch:
    """Searches a Parquet file with a column `vector`, as `seqlab encode` writes it.

    Args:
        path: The Parquet file.

    Raises: DataError if `path` is not such a file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = pyarrow.parquet.ParquetFile(path)
        except (OSError, pa.ArrowException) as error:
            reason = " ".join(str(error).split())
            raise DataError(
                f"{path}: cannot be read as Parquet: {reason}; create it with `seqlab encode MODEL FILE -o …`"
            ) from None
        self._schema = self._file.schema_arrow
        kind = self._schema.field("vector").type if "vector" in self._schema.names else None
        if kind is None or not pa.types.is_fixed_size_list(kind) or not pa.types.is_floating(kind.value_type):
            has = ", ".join(f"{field.name} ({field.type})" for field in self._schema)
            raise DataError(f"{path}: no column `vector` of fixed-size lists; it has {has}; create it with `seqlab encode`")
        self.width: int = kind.list_size
        self.facts: dict[str, Any] = json.loads((self._schema.metadata or {}).get(KEY, b"{}"))

    def __len__(self) -> int:
        """Return the number of rows."""
        n_rows: int = self._file.metadata.num_rows
        return n_rows

    @property
    def has_steps(self) -> bool:
        """Whether the rows are steps or tree nodes rather than records."""
        return self.facts.get("vectors") == STEPS

    def encode(self, tagger: Tagger, queries: Sequence[Input]) -> Float[np.ndarray, "query feature"]:
        """Encode queries for comparison with the file: as summaries, or for a file of steps as `StepVectors.whole`.

        Raises: ConfigError if another model made the file.
        """
        ours, theirs = tagger.bundle.fingerprint, self.facts.get("model", "")
        if theirs and ours != theirs:
            raise ConfigError(
                f"{self.path}: its vectors are from model {theirs[:12]}, but the queries are from {ours[:12]}; use the model"
                " that made the file, or encode its texts again"
            )
        encoded = tagger.encode(queries, use_steps=self.has_steps)
        return np.stack([one.whole for one in encoded])

    def vectors_at(self, places: Sequence[int]) -> Float[np.ndarray, "query feature"]:
        """Return the vectors of some rows of the file, as queries.

        Raises: ConfigError for rows that do not exist.
        """
        for place in places:
            if not 0 <= place < len(self):
                raise ConfigError(f"--row is {place}; expected 0 to {len(self) - 1}, the rows of {self.path}")
        found: dict[int, np.ndarray] = {}
        for start, vectors, _ in self._groups(columns=["vector"]):
            found |= {place: vectors[place - start] for place in places if start <= place < start + len(vectors)}
        return np.stack([found[place] for place in places])

    def nearest(self, queries: Float[np.ndarray, "query feature"], *, k: int) -> list[list[Neighbour]]:
        """Return the `k` rows with the highest cosine to each query (all, if there are fewer); ties go to the earlier row.

        Raises: ConfigError for queries of another width.
        """
        if queries.shape[1] != self.width:
            raise ConfigError(f"{self.path}: its vectors have {self.width} numbers, but the query has {queries.shape[1]}")
        wanted = _unit(queries)
        best: list[list[Neighbour]] = [[] for _ in queries]
        for start, vectors, table in self._groups(columns=None):
            # All queries share the pass over the file: reading it takes most of the time.
            cosines = _unit(vectors) @ wanted.T
            for i, found in enumerate(best):
                # A stable sort, so that ties go to the earlier row.
                places = np.argsort(-cosines[:, i], kind="stable")[:k]
                rows = table.take(places).to_pylist()
                new = [Neighbour(float(cosines[p, i]), start + p, row) for p, row in zip(places.tolist(), rows, strict=True)]
                # Only k rows of each query stay in memory, whatever the size of the file.
                best[i] = sorted([*found, *new], key=lambda one: -one.cosine)[:k]
        return best

    def _groups(self, *, columns: list[str] | None) -> Iterator[tuple[int, Float[np.ndarray, "row feature"], pa.Table]]:
        """Yield the first row number of each row group, its vectors and its other columns."""
        start = 0
        for group in range(self._file.num_row_groups):
            table = self._file.read_row_group(group, columns=columns).combine_chunks()
            # Flattening drops the list structure without copying, unlike conversion to Python lists.
            numbers = pa.concat_arrays(table["vector"].chunks).flatten() if len(table) else pa.array([], pa.float32())
            vectors = numbers.to_numpy(zero_copy_only=False).astype(np.float32).reshape(-1, self.width)
            yield start, vectors, table.drop_columns(["vector"])
            start += len(table)


def _unit(vectors: Float[np.ndarray, "row feature"]) -> Float[np.ndarray, "row feature"]:
    """Scale the vectors to length 1; zero vectors stay."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: np.ndarray = vectors / np.where(norms > 0, norms, 1.0)
    return scaled
