"""Agreement of real numbers: correlations and mean squared error."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from seqlab.metrics.precision_recall import check_same_records


def agreement_scores(gold: Sequence[float], predicted: Sequence[float]) -> dict[str, Any]:
    """Return the correlations of Pearson and Spearman (equal numbers share their mean rank), and the mean squared error.

    A correlation with constant numbers is 0; without records, all scores are 0.

    Raises:
        DataError: the numbers of records differ.
    """
    check_same_records(gold, predicted)
    first, second = np.asarray(gold, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    return {
        "pearson": _correlation(first, second),
        "spearman": _correlation(_ranks(first), _ranks(second)),
        "mse": float(((first - second) ** 2).mean()) if len(first) else 0.0,
    }


def _correlation(first: Float[np.ndarray, " record"], second: Float[np.ndarray, " record"]) -> float:
    if len(first) == 0 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    # the means are taken off first: sums of squares of large numbers would cancel
    one, other = first - first.mean(), second - second.mean()
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


def _ranks(values: Float[np.ndarray, " record"]) -> Float[np.ndarray, " record"]:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    # equal numbers share the mean of their ranks
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[places])
