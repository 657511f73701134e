"""How well real numbers agree: correlations and the mean squared error."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from seqlab.metrics.precision_recall import check_same_records


def agreement_scores(gold: Sequence[float], predicted: Sequence[float]) -> dict[str, Any]:
    """Return Pearson's correlation, Spearman's (of ranks, equal numbers sharing theirs), and the mean squared error.

    A correlation with numbers that are all the same is 0, as is everything of no records.

    Raises: DataError where the number of records differs.
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
    one, other = first - first.mean(), second - second.mean()
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


def _ranks(values: Float[np.ndarray, " record"]) -> Float[np.ndarray, " record"]:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: np.ndarray = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks
