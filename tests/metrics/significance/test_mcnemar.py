"""McNemar's test against scipy's binomial test, and its approximation against the exact one."""

from math import inf

import numpy as np
import pytest
import scipy.stats

from seqlab.metrics.significance import mcnemar


def decisions(only_a: int, only_b: int, both: int = 5) -> tuple[np.ndarray, np.ndarray]:
    a = np.array([True] * only_a + [False] * only_b + [True] * both)
    return a, np.array([False] * only_a + [True] * only_b + [True] * both)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (5, 1), (12, 30), (700, 800)])
def test_p_value_is_the_binomial_one(only_a: int, only_b: int) -> None:
    found = mcnemar(*decisions(only_a, only_b))
    n = only_a + only_b
    assert (found.only_a, found.only_b) == (only_a, only_b)
    assert found.p_value == pytest.approx(scipy.stats.binomtest(only_a, n).pvalue if n else 1.0)


@pytest.mark.parametrize(("pairs", "odds"), [((6, 3), 2.0), ((4, 0), inf), ((0, 0), 1.0), ((0, 4), 0.0)])
def test_odds_ratio(pairs: tuple[int, int], odds: float) -> None:
    assert mcnemar(*decisions(*pairs)).odds_ratio == odds


def test_p_value_of_very_many_pairs_is_the_binomial_one() -> None:
    assert mcnemar(*decisions(50_300, 49_701)).p_value == pytest.approx(scipy.stats.binomtest(50_300, 100_001).pvalue)
