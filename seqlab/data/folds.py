"""Cross-validation: the training records that a run holds out for testing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import datasets
import numpy as np
from jaxtyping import Int

from seqlab.errors import DataError


@final
@dataclass(frozen=True)
class Fold:
    """One fold of a cross-validation: the training records that a run holds out.

    Args:
        index: Number of the fold, from 1 to `of`.
        of: Number of folds, at least 2.
    """

    index: int
    of: int

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any] | None) -> "Fold | None":
        """Return the fold in a config; None for a run on the splits of the data."""
        return cls(settings["index"], settings["of"]) if settings else None

    def rows(self, n_records: int, *, seed: int) -> Int[np.ndarray, " row"]:
        """Return the sorted rows of the held-out records, a pure function of the seed and the numbers."""
        # the index is not part of the seed: the folds of a cross-validation must not overlap
        shuffled = np.random.default_rng((seed, self.of)).permutation(n_records)
        return np.sort(np.array_split(shuffled, self.of)[self.index - 1])

    def split(self, records: datasets.Dataset, *, seed: int, path: str) -> dict[str, datasets.Dataset]:
        """Split the training records into `train` and `test`; `path` is the config path of the data, for messages.

        Raises:
            DataError: there are fewer records than folds.
        """
        if len(records) < self.of:
            raise DataError(f"{path} has {len(records)} training records, too few for {self.of} folds; set repeat.folds lower")
        held_out = self.rows(len(records), seed=seed)
        rest = np.setdiff1d(np.arange(len(records)), held_out)
        return {"train": records.select(rest), "test": records.select(held_out)}
