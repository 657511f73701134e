"""McNemar's test: of the decisions that one system has right and the other wrong, are as many on either side?"""

from dataclasses import dataclass
from math import inf
from typing import final

import numpy as np
from jaxtyping import Bool
from scipy.special import bdtr


@final
@dataclass(frozen=True)
class McNemar:
    """Discordant pairs, and how improbable their shares are if neither system is better (two-sided)."""

    only_a: int
    only_b: int
    p_value: float
    odds_ratio: float
    """Of A being the right one where one is: `only_a` / `only_b`; infinite where B never is, 1 where there is no such pair."""


def mcnemar(a: Bool[np.ndarray, " decision"], b: Bool[np.ndarray, " decision"]) -> McNemar:
    """Return the test of which decisions A and B have right: by the exact binomial distribution (McNemar 1947)."""
    only_a, only_b = int(np.count_nonzero(a & ~b)), int(np.count_nonzero(b & ~a))
    odds = only_a / only_b if only_b else (inf if only_a else 1.0)
    return McNemar(only_a, only_b, _fair_coin_tails(min(only_a, only_b), only_a + only_b), odds)


def _fair_coin_tails(n_fewer: int, n_tosses: int) -> float:
    """Return the probability that the rarer side of a fair coin comes up `n_fewer` times at most."""
    return min(1.0, 2 * float(bdtr(n_fewer, n_tosses, 0.5)))
