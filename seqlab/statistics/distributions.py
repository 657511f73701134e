"""Student's t and the binomial distribution: what tests need of them, so that no run asks for scipy."""

from math import comb, exp, isinf, lgamma, log, log1p

import numpy as np

_TINY = 1e-300
_PRECISION = 1e-15
_MAX_TERMS = 10_000


def student_t_tail(t: float, *, degrees: float) -> float:
    """Return the probability of a value beyond ±|t|."""
    if isinf(t):
        return 0.0
    if t * t < degrees:  # near 1, the complement is the precise one
        return 1 - _incomplete_beta(t * t / (degrees + t * t), a=0.5, b=degrees / 2)
    return _incomplete_beta(degrees / (degrees + t * t), a=degrees / 2, b=0.5)


def student_t_quantile(prob: float, *, degrees: float) -> float:
    """Return the t below which `prob` of the distribution lies, for 0.5 <= `prob` < 1."""
    low, high = 0.0, 1.0
    while 1 - student_t_tail(high, degrees=degrees) / 2 < prob:
        low, high = high, 2 * high
    while high - low > 1e-13 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if 1 - student_t_tail(middle, degrees=degrees) / 2 < prob else (low, middle)
    return (low + high) / 2


def fair_coin_tails(n_heads: int, n_tosses: int) -> float:
    """Return the probability that heads of a fair coin are as far from half of the tosses as `n_heads`, on either side."""
    fewer = min(n_heads, n_tosses - n_heads)
    if 2 * fewer == n_tosses:
        return 1.0
    if n_tosses <= 1000:
        return min(1.0, 2 * sum(comb(n_tosses, k) for k in range(fewer + 1)) / (1 << n_tosses))
    ks = np.arange(1, fewer + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(n_tosses - ks + 1) - np.log(ks))]) - n_tosses * log(2)
    return min(1.0, 2 * float(np.exp(logs).sum()))


def _incomplete_beta(x: float, *, a: float, b: float) -> float:
    """Return the regularised incomplete beta function, by Lentz's continued fraction (Numerical Recipes, 6.4)."""
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    log_front = lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)
    if x < (a + 1) / (a + b + 2):
        return exp(log_front) * _fraction(x, a=a, b=b) / a
    return 1 - exp(log_front) * _fraction(1 - x, a=b, b=a) / b


def _fraction(x: float, *, a: float, b: float) -> float:
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    total = d
    for m in range(1, _MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _not_zero(1 + term * d)
            c = _not_zero(1 + term / c)
            total *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return total


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
