"""P-values of decisions: McNemar's test, and Holm's adjustment for multiple comparisons."""

from collections.abc import Sequence
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


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted by Holm's step-down procedure (1979), in the given order."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        # a p-value must not be smaller than one that ranks before it
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
