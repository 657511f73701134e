"""Expected calibration error: the gap between confidence and accuracy."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqlab.errors import ConfigError, DataError

N_BINS = 10
"""Bins of the error that heads report."""


def calibration_scores(confidences: Sequence[float], is_correct: Sequence[bool]) -> dict[str, float]:
    """Return the expected calibration error that heads report; rounding errors beyond 0 and 1 are clipped."""
    within = [min(1.0, max(0.0, confidence)) for confidence in confidences]
    return {"expected_calibration_error": expected_calibration_error(within, is_correct, n_bins=N_BINS)}


class Bin(NamedTuple):
    """Predictions with a confidence above `low`, up to `high`."""

    low: float
    high: float
    n: int
    confidence: float
    """Mean confidence; the centre of an empty bin."""
    accuracy: float
    """Share of correct predictions; 0 for an empty bin."""


def expected_calibration_error(confidences: Sequence[float], is_correct: Sequence[bool], *, n_bins: int) -> float:
    """Return the mean gap between confidence and accuracy over bins, weighted by their sizes; 0 without predictions.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, eq. 3. Raises as `reliability_bins` does.
    """
    bins = reliability_bins(confidences, is_correct, n_bins=n_bins)
    return sum(each.n * abs(each.confidence - each.accuracy) for each in bins) / max(1, len(confidences))


def reliability_bins(confidences: Sequence[float], is_correct: Sequence[bool], *, n_bins: int) -> list[Bin]:
    """Return bins of equal width; each includes its upper bound, and the first also 0.

    Raises:
        DataError: the lengths differ, or a confidence is outside [0, 1].
        ConfigError: `n_bins` is below 1.
    """
    if n_bins < 1:
        raise ConfigError(f"n_bins is {n_bins}; expected at least 1; 10 or 15 are customary")
    confidence = np.asarray(confidences, dtype=np.float64)
    correct = np.asarray(is_correct, dtype=np.float64)
    if confidence.shape != correct.shape:
        raise DataError(f"is_correct has {len(correct)} values; expected {len(confidence)}, one for each confidence")
    is_outside = ~((confidence >= 0) & (confidence <= 1))
    if is_outside.any():
        raise DataError(f"confidence is {confidence[is_outside][0]}; expected a probability in [0, 1]")
    edges = np.linspace(0, 1, n_bins + 1)
    # `left` puts a confidence on an edge into the bin below it
    index = np.searchsorted(edges[1:-1], confidence, side="left")
    counts = np.bincount(index, minlength=n_bins)
    sums = np.bincount(index, weights=confidence, minlength=n_bins)
    rights = np.bincount(index, weights=correct, minlength=n_bins)
    columns = (column.tolist() for column in (edges[:-1], edges[1:], counts, sums, rights))
    return [
        Bin(low, high, n, confidence=total / n if n else (low + high) / 2, accuracy=right / n if n else 0.0)
        for low, high, n, total, right in zip(*columns, strict=True)
    ]
