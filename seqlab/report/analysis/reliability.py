"""How often answers of each confidence are right: what a reliability diagram shows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Bin(NamedTuple):
    """Answers with a confidence above `low`, up to `high`."""

    low: float
    high: float
    n: int
    confidence: float
    """Mean; the middle of the bin where it is empty."""
    accuracy: float
    """Share that is right; 0.0 where it is empty."""


def reliability_bins(sure: Sequence[float], is_right: Sequence[bool], *, n_bins: int) -> list[Bin]:
    """Return bins of equal width, open below and closed above (the first on both sides), as the calibration error has them."""
    edges = np.linspace(0, 1, n_bins + 1)
    confidence = np.clip(np.asarray(sure, dtype=np.float64), 0.0, 1.0)
    index = np.searchsorted(edges[1:-1], confidence, side="left")
    counts = np.bincount(index, minlength=n_bins)
    sums = np.bincount(index, weights=confidence, minlength=n_bins)
    rights = np.bincount(index, weights=np.asarray(is_right, dtype=np.float64), minlength=n_bins)
    return [
        Bin(
            low=float(edges[i]),
            high=float(edges[i + 1]),
            n=int(counts[i]),
            confidence=float(sums[i] / counts[i]) if counts[i] else float(edges[i] + edges[i + 1]) / 2,
            accuracy=float(rights[i] / counts[i]) if counts[i] else 0.0,
        )
        for i in range(n_bins)
    ]
