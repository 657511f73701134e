"""The adding problem: remember two distant numbers, and forget all others (Hochreiter and Schmidhuber 1997, §5.4).

A record is a sequence of digits, of which one in each half is marked; its label is the sum of both. A recurrent encoder must
remember the digits from their marks to the end. Always predicting the most frequent sum has accuracy 1 / `n_digits`.
"""

from pathlib import Path
from typing import final

import numpy as np
import pyarrow as pa
from datasets import Dataset

from seqlab.data.readers.base import Reader, check_at_least
from seqlab.data.readers.source import Report
from seqlab.data.records import nested_frames, records_from_table
from seqlab.data.splits import SPLITS, known_split


@final
class AddingReader(Reader):
    """Generates frames (digit scaled to 0 … 1, mark 0 or 1) with the sum of the marked digits as `label`.

    The same seed gives the same records on all machines.

    Args:
        n_steps: Frames per record, at least 2.
        n_digits: Number of different digits, at least 2.
        n_train: Records in the training split.
        n_val: Records in the validation split.
        n_test: Records in the test split.
        seed: Selects the records, 0 or more.

    Raises:
        ConfigError: a value is out of range.
    """

    def __init__(
        self,
        *,
        n_steps: int = 100,
        n_digits: int = 5,
        n_train: int = 20_000,
        n_val: int = 1_000,
        n_test: int = 1_000,
        seed: int = 1,
    ) -> None:
        check_at_least(n_steps=(n_steps, 2), n_digits=(n_digits, 2))
        check_at_least(n_train=(n_train, 0), n_val=(n_val, 0), n_test=(n_test, 0), seed=(seed, 0))
        self.n_steps, self.n_digits, self.seed = n_steps, n_digits, seed
        self.sizes = {"train": n_train, "val": n_val, "test": n_test}

    def parse(self, path: Path, *, report: Report) -> Dataset:
        """Return the records of the split that `path` names; there is no file, so `report` gets no faults.

        Raises:
            DataError: `path` does not name a split.
        """
        split = known_split(str(path), corpus="the adding problem")
        # a generator for each split, so that its size does not change the others
        random = np.random.default_rng((self.seed, SPLITS.index(split)))
        n_records, half = self.sizes[split], self.n_steps // 2
        digits = random.integers(self.n_digits, size=(n_records, self.n_steps))
        # one in each half, so that the first must be remembered over a long distance
        marked = np.stack([random.integers(half, size=n_records), random.integers(half, self.n_steps, size=n_records)], 1)
        marks = np.zeros_like(digits)
        np.put_along_axis(marks, marked, 1, axis=1)
        frames = np.stack([digits / (self.n_digits - 1), marks], axis=2).astype(np.float32)
        sums = np.take_along_axis(digits, marked, axis=1).sum(1)
        ids = [f"adding-{split}-{i}" for i in range(n_records)]
        labels = [str(total) for total in sums]
        return records_from_table(pa.table({"id": ids, "frames": nested_frames(list(frames)), "label": labels}))
