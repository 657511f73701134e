"""McNemar's test of the decisions that only one of two systems has right."""

from dataclasses import dataclass
from math import inf
from typing import final

import numpy as np
from jaxtyping import Bool
from scipy.special import bdtr


@final
@dataclass(frozen=True)
class McNemar:
    """Discordant pairs, and the two-sided p-value of their numbers."""

    only_a: int
    only_b: int
    p_value: float
    odds_ratio: float
    """`only_a` / `only_b`; infinite if `only_b` is 0, and 1 if both are."""


def mcnemar(a: Bool[np.ndarray, " decision"], b: Bool[np.ndarray, " decision"]) -> McNemar:
    """Return the exact binomial test of the correct decisions of A and B (McNemar 1947)."""
    only_a, only_b = int(np.count_nonzero(a & ~b)), int(np.count_nonzero(b & ~a))
    odds = only_a / only_b if only_b else (inf if only_a else 1.0)
    # both tails of a fair coin; with equal numbers, both contain the middle
    p_value = min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))
    return McNemar(only_a, only_b, p_value, odds)
