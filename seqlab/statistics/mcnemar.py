"""McNemar's test: of the decisions that one system has right and the other wrong, are as many on either side?"""

from dataclasses import dataclass
from math import erfc, inf, sqrt
from typing import final

import numpy as np
from jaxtyping import Bool

from seqlab.statistics.distributions import fair_coin_tails

MAX_EXACT = 100_000
"""Discordant pairs up to which the binomial tail is summed; above, the chi-squared approximation is as good."""


@final
@dataclass(frozen=True)
class McNemar:
    """Discordant pairs, and how improbable their shares are if neither system is better (two-sided)."""

    only_a: int
    only_b: int
    p_value: float
    is_exact: bool
    odds_ratio: float
    """Of A being the right one where one is: `only_a` / `only_b`; infinite where B never is, 1 where there is no such pair."""


def mcnemar(a: Bool[np.ndarray, " decision"], b: Bool[np.ndarray, " decision"]) -> McNemar:
    """Return the test of which decisions A and B have right: by the exact binomial distribution (McNemar 1947)."""
    only_a, only_b = int(np.count_nonzero(a & ~b)), int(np.count_nonzero(b & ~a))
    n = only_a + only_b
    odds = only_a / only_b if only_b else (inf if only_a else 1.0)
    if n <= MAX_EXACT:
        return McNemar(only_a, only_b, fair_coin_tails(only_a, n), True, odds)
    chi_squared = (abs(only_a - only_b) - 1) ** 2 / n
    return McNemar(only_a, only_b, erfc(sqrt(chi_squared / 2)), False, odds)
