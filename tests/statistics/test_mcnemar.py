"""McNemar's test against scipy's binomial test, and its approximation against the exact one."""

from math import inf

import numpy as np
import pytest
import scipy.stats

from seqlab.statistics import mcnemar
from seqlab.statistics.mcnemar import MAX_EXACT


def decisions(only_a: int, only_b: int, both: int = 5) -> tuple[np.ndarray, np.ndarray]:
    a = np.array([True] * only_a + [False] * only_b + [True] * both)
    return a, np.array([False] * only_a + [True] * only_b + [True] * both)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (5, 1), (12, 30), (700, 800)])
def test_p_value_is_the_binomial_one(only_a: int, only_b: int) -> None:
    found = mcnemar(*decisions(only_a, only_b))
    n = only_a + only_b
    assert (found.only_a, found.only_b, found.is_exact) == (only_a, only_b, True)
    assert found.p_value == pytest.approx(scipy.stats.binomtest(only_a, n).pvalue if n else 1.0)


@pytest.mark.parametrize(("pairs", "odds"), [((6, 3), 2.0), ((4, 0), inf), ((0, 0), 1.0), ((0, 4), 0.0)])
def test_odds_ratio(pairs: tuple[int, int], odds: float) -> None:
    assert mcnemar(*decisions(*pairs)).odds_ratio == odds


def test_very_many_pairs_are_approximated_closely() -> None:
    only_a = MAX_EXACT // 2 + 300
    found = mcnemar(*decisions(only_a, MAX_EXACT - only_a + 1))
    assert not found.is_exact
    assert found.p_value == pytest.approx(scipy.stats.binomtest(only_a, MAX_EXACT + 1).pvalue, rel=0.01)
