"""The adding problem: two numbers far apart must be remembered, all others forgotten (Hochreiter and Schmidhuber 1997, §5.4).

A record is a sequence of digits, two of them marked, one in each half; its label is the sum of these two. What it asks of a
recurrent encoder is memory over as many steps as lie between the marks and the end; guessing the most frequent sum is right
once in `n_digits` times.
"""

from pathlib import Path
from typing import final

import numpy as np
import pyarrow as pa
from datasets import Dataset

from seqlab.data.readers.base import Reader
from seqlab.data.readers.source import Report
from seqlab.data.records import nested_frames
from seqlab.data.splits import SPLITS, known_split
from seqlab.errors import ConfigError


@final
class AddingReader(Reader):
    """Generates records of `n_steps` frames, (digit scaled to 0 … 1, mark 0 or 1), with the sum of the marked digits as label.

    `n_train`, `n_val` and `n_test` count records; the same seed gives the same ones on every machine.

    Raises: ConfigError for fewer than 2 steps or digits, or a negative size or seed.
    """

    def __init__(self, *, n_steps: int, n_digits: int, n_train: int, n_val: int, n_test: int, seed: int) -> None:
        for name, number, least in (
            ("n_steps", n_steps, 2),
            ("n_digits", n_digits, 2),
            ("n_train", n_train, 0),
            ("n_val", n_val, 0),
            ("n_test", n_test, 0),
            ("seed", seed, 0),
        ):
            if number < least:
                raise ConfigError(f"{name} is {number}; expected {least} or more: set data.reader.{name}")
        self.n_steps, self.n_digits, self.seed = n_steps, n_digits, seed
        self.sizes = {"train": n_train, "val": n_val, "test": n_test}

    def parse(self, path: Path, *, report: Report) -> Dataset:
        """Return the split that `path` names: train, val or test; no file is read, so `report` hears nothing.

        Raises:
            DataError: Another name.
        """
        split = known_split(str(path), corpus="the adding problem")
        random = np.random.default_rng((self.seed, SPLITS.index(split)))
        n_records, half = self.sizes[split], self.n_steps // 2
        digits = random.integers(self.n_digits, size=(n_records, self.n_steps))
        marked = np.stack([random.integers(half, size=n_records), random.integers(half, self.n_steps, size=n_records)], 1)
        marks = np.zeros_like(digits)
        np.put_along_axis(marks, marked, 1, axis=1)
        frames = np.stack([digits / (self.n_digits - 1), marks], axis=2).astype(np.float32)
        sums = np.take_along_axis(digits, marked, axis=1).sum(1)
        table = pa.table(
            {
                "id": [f"adding-{split}-{i}" for i in range(n_records)],
                "frames": nested_frames(list(frames)),
                "label": [str(total) for total in sums],
            }
        )
        return Dataset(table)
