"""Expected calibration error: how far confidences are from the accuracy they promise."""

from collections.abc import Sequence

import numpy as np

from seqlab.errors import ConfigError, DataError

N_BINS = 10
"""Of the error that heads report."""


def calibration_scores(confidences: Sequence[float], is_correct: Sequence[bool]) -> dict[str, float]:
    """Return the expected calibration error as heads report it; what rounding took beyond 0 or 1 is brought back."""
    within = [min(1.0, max(0.0, confidence)) for confidence in confidences]
    return {"expected_calibration_error": expected_calibration_error(within, is_correct, n_bins=N_BINS)}


def expected_calibration_error(confidences: Sequence[float], is_correct: Sequence[bool], *, n_bins: int) -> float:
    """Return the mean gap between confidence and accuracy over bins of equal width, weighted by their sizes.

    Bins are open below and closed above, the first closed on both sides. 0.0 without predictions.
    Guo et al. 2017, On Calibration of Modern Neural Networks, eq. 3.

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
    bins = np.searchsorted(np.linspace(0, 1, n_bins + 1)[1:-1], confidence, side="left")
    gaps = np.bincount(bins, weights=confidence - correct, minlength=n_bins)
    return float(np.abs(gaps).sum() / max(1, len(confidence)))
