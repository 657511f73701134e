"""Repeated runs with different seeds or folds: mean, standard deviation, confidence intervals and t-tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import copysign, inf, sqrt
from typing import final

import numpy as np
from scipy.special import stdtr, stdtrit  # importing scipy.stats takes seconds

_LEVEL = 0.95


@final
@dataclass(frozen=True)
class Summary:
    """One metric over repetitions; a single repetition has no deviation and no interval."""

    n: int
    mean: float
    sd: float | None
    """Sample standard deviation (n - 1)."""
    interval: tuple[float, float] | None
    """95 % confidence interval of the mean."""


@final
@dataclass(frozen=True)
class MeanTest:
    """Student's t-test of the difference of two means, A - B; None if there are too few values."""

    difference: float
    interval: tuple[float, float] | None
    p_value: float | None
    degrees: float | None
    cohens_d: float | None
    """Effect size: the difference in (pooled) standard deviations."""


def summarise(values: Sequence[float], *, n_folds: int | None = None) -> Summary:
    """Return the mean, standard deviation and confidence interval of independent repetitions.

    With `n_folds`, the values are folds of one or more cross-validations. Their training records overlap, so they vary too
    little; the variance is corrected (Nadeau and Bengio 2003; Bouckaert and Frank 2004 for several).
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return Summary(len(values), mean, None, None)
    sd = float(np.std(values, ddof=1))
    # Student's t, not the normal distribution: there are only a few repetitions.
    half = _t_quantile(len(values) - 1) * sd * sqrt(_variance_of_mean(len(values), n_folds))
    return Summary(len(values), mean, sd, (mean - half, mean + half))


def welch_test(a: Sequence[float], b: Sequence[float]) -> MeanTest:
    """Return the test of independent repetitions with unequal variances (Welch 1947)."""
    difference = float(np.mean(a) - np.mean(b))
    if len(a) < 2 or len(b) < 2:
        return MeanTest(difference, None, None, None, None)
    of_a, of_b = float(np.var(a, ddof=1)), float(np.var(b, ddof=1))
    pooled = sqrt(((len(a) - 1) * of_a + (len(b) - 1) * of_b) / (len(a) + len(b) - 2))
    part_a, part_b = of_a / len(a), of_b / len(b)
    degrees = float(len(a) + len(b) - 2)  # of equal variances; Welch's equation needs a variance above 0
    if part_a + part_b:
        degrees = (part_a + part_b) ** 2 / (part_a**2 / (len(a) - 1) + part_b**2 / (len(b) - 1))
    return _t_test(difference, error=sqrt(part_a + part_b), degrees=degrees, sd=pooled)


def corrected_paired_test(a: Sequence[float], b: Sequence[float], *, n_folds: int) -> MeanTest:
    """Return the corrected resampled t-test of values on the same folds (Nadeau and Bengio 2003)."""
    differences = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    mean, n = float(differences.mean()), len(differences)
    if n < 2:
        return MeanTest(mean, None, None, None, None)
    sd = float(differences.std(ddof=1))
    return _t_test(mean, error=sd * sqrt(_variance_of_mean(n, n_folds)), degrees=n - 1.0, sd=sd)


def _variance_of_mean(n: int, n_folds: int | None) -> float:
    """Return the variance of the mean of `n` values with variance 1; folds have test / training size 1 / (n_folds - 1)."""
    return 1 / n if n_folds is None else 1 / n + 1 / (n_folds - 1)


def _t_test(difference: float, *, error: float, degrees: float, sd: float) -> MeanTest:
    if not error:  # all values are equal, so that any difference is certain
        cohens_d = copysign(inf, difference) if difference else 0.0
        return MeanTest(difference, (difference, difference), 0.0 if difference else 1.0, degrees, cohens_d)
    half = _t_quantile(degrees) * error
    p_value = 2 * float(stdtr(degrees, -abs(difference / error)))
    return MeanTest(difference, (difference - half, difference + half), p_value, degrees, difference / sd)


def _t_quantile(degrees: float) -> float:
    """Return the two-sided quantile of Student's t for our confidence intervals."""
    return float(stdtrit(degrees, (1 + _LEVEL) / 2))
