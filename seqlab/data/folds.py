"""Cross-validation: which training records a run is tested on instead of trained on."""

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
    """Part `index`, counted from 1, `of` so many."""

    index: int
    of: int

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any] | None) -> "Fold | None":
        """Return the fold that a config names; None for a run on the splits of the data."""
        return cls(settings["index"], settings["of"]) if settings else None

    def rows(self, n_records: int, *, seed: int) -> Int[np.ndarray, " row"]:
        """Return the rows of the records that are held out, ascending: a pure function of the seed and the numbers."""
        shuffled = np.random.default_rng((seed, self.of)).permutation(n_records)
        return np.sort(np.array_split(shuffled, self.of)[self.index - 1])

    def split(self, records: datasets.Dataset, *, seed: int, path: str) -> dict[str, datasets.Dataset]:
        """Return the training records as `train` and `test`; `path` is where their config stands, for messages.

        Raises: DataError where there are too few of them.
        """
        if len(records) < self.of:
            raise DataError(f"{path} has {len(records)} training records, too few for {self.of} folds; set repeat.folds lower")
        held_out = self.rows(len(records), seed=seed)
        rest = np.setdiff1d(np.arange(len(records)), held_out)
        return {"train": records.select(rest), "test": records.select(held_out)}
