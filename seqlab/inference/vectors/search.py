"""Exact search by cosine in a Parquet file of vectors, a row group at a time."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from jaxtyping import Float, Int

from seqlab.errors import ConfigError, DataError
from seqlab.inference.tagger import Input, Tagger
from seqlab.inference.vectors.files import KEY, STEPS


@final
@dataclass(frozen=True, slots=True)
class Neighbour:
    """A row of the file, and how near it is."""

    cosine: float
    """From -1 to 1; 0 where one of the two vectors is zero throughout."""
    place: int
    """Of the row in the file, from 0."""
    content: dict[str, Any]
    """Its columns but for the vector."""


@final
class VectorSearch:
    """A Parquet file with a column `vector`, as `seqlab encode` writes them.

    Raises: DataError where there is none at `path`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = pyarrow.parquet.ParquetFile(path)
        except (OSError, pa.ArrowException) as error:
            reason = " ".join(str(error).split())
            raise DataError(
                f"{path}: cannot be read as Parquet: {reason}; make one by `seqlab encode MODEL FILE -o …`"
            ) from None
        self._schema = self._file.schema_arrow
        kind = self._schema.field("vector").type if "vector" in self._schema.names else None
        if kind is None or not pa.types.is_fixed_size_list(kind) or not pa.types.is_floating(kind.value_type):
            has = ", ".join(f"{field.name} ({field.type})" for field in self._schema)
            raise DataError(f"{path}: no column `vector` of lists of one width; it has {has}; make one by `seqlab encode`")
        self.width: int = kind.list_size
        self.facts: dict[str, Any] = json.loads((self._schema.metadata or {}).get(KEY, b"{}"))

    def __len__(self) -> int:
        """Return the number of rows."""
        n_rows: int = self._file.metadata.num_rows
        return n_rows

    @property
    def has_steps(self) -> bool:
        """Whether its rows are steps or nodes, not records."""
        return self.facts.get("vectors") == STEPS

    def encode(self, tagger: Tagger, queries: Sequence[Input]) -> Float[np.ndarray, "query feature"]:
        """Return queries as vectors that can be compared with those of the file: summaries, or of a file of steps the vector of
        all steps together (`StepVectors.whole`).

        Raises: ConfigError where another model made the file.
        """
        ours, theirs = tagger.bundle.fingerprint, self.facts.get("model", "")
        if theirs and ours != theirs:
            raise ConfigError(
                f"{self.path}: its vectors are of model {theirs[:12]}, but the queries are of {ours[:12]}; give the model that"
                " made it, or encode its texts again"
            )
        encoded = tagger.encode(queries, use_steps=self.has_steps)
        return np.stack([one.whole for one in encoded])

    def vectors_at(self, places: Sequence[int]) -> Float[np.ndarray, "query feature"]:
        """Return the vectors of some rows of the file, as queries.

        Raises: ConfigError for a row that is not there.
        """
        for place in places:
            if not 0 <= place < len(self):
                raise ConfigError(f"--row is {place}; {self.path} has rows 0 to {len(self) - 1}")
        found: dict[int, np.ndarray] = {}
        for start, vectors, _ in self._groups(columns=["vector"]):
            found |= {place: vectors[place - start] for place in places if start <= place < start + len(vectors)}
        return np.stack([found[place] for place in places])

    def nearest(self, queries: Float[np.ndarray, "query feature"], *, k: int) -> list[list[Neighbour]]:
        """Return the `k` rows with the highest cosine to each query, the nearest first, of equals the earlier; all, where there
        are no more.

        Raises: ConfigError for queries of another width.
        """
        if queries.shape[1] != self.width:
            raise ConfigError(f"{self.path}: its vectors have {self.width} numbers, but the query has {queries.shape[1]}")
        wanted = _unit(queries)
        best: list[list[Neighbour]] = [[] for _ in queries]
        for start, vectors, table in self._groups(columns=None):
            cosines = _unit(vectors) @ wanted.T
            for i, found in enumerate(best):
                places = _top(cosines[:, i], k=k)
                rows = table.take(places).to_pylist()
                new = [Neighbour(float(cosines[p, i]), start + p, row) for p, row in zip(places.tolist(), rows, strict=True)]
                best[i] = sorted([*found, *new], key=lambda one: -one.cosine)[:k]
        return best

    def _groups(self, *, columns: list[str] | None) -> Iterator[tuple[int, Float[np.ndarray, "row feature"], pa.Table]]:
        """Yield the first row of each row group, its vectors, and its other columns."""
        start = 0
        for group in range(self._file.num_row_groups):
            table = self._file.read_row_group(group, columns=columns).combine_chunks()
            numbers = pa.concat_arrays(table["vector"].chunks).flatten() if len(table) else pa.array([], pa.float32())
            vectors = numbers.to_numpy(zero_copy_only=False).astype(np.float32).reshape(-1, self.width)
            yield start, vectors, table.drop_columns(["vector"])
            start += len(table)


def _unit(vectors: Float[np.ndarray, "row feature"]) -> Float[np.ndarray, "row feature"]:
    """Return the vectors at length 1, zero ones as they are."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: np.ndarray = vectors / np.where(norms > 0, norms, 1.0)
    return scaled


def _top(cosines: Float[np.ndarray, " row"], *, k: int) -> Int[np.ndarray, " place"]:
    """Return the places of the `k` highest, of equals the first."""
    if len(cosines) > k:  # everything at least as near as the k-th, so that equals are told by their place
        least = np.partition(cosines, len(cosines) - k)[len(cosines) - k]
        near = np.flatnonzero(cosines >= least)
    else:
        near = np.arange(len(cosines))
    return near[np.argsort(-cosines[near], kind="stable")][:k]
