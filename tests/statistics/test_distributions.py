"""Student's t and the binomial tail, against scipy."""

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from seqlab.statistics.distributions import fair_coin_tails, student_t_quantile, student_t_tail


@given(st.floats(-60, 60), st.floats(1, 500))
def test_tail_of_t_is_that_of_scipy(t: float, degrees: float) -> None:
    assert student_t_tail(t, degrees=degrees) == pytest.approx(2 * scipy.stats.t.sf(abs(t), degrees), rel=1e-8, abs=1e-14)


@given(st.floats(0.5, 0.9999), st.floats(1, 500))
def test_quantile_of_t_is_that_of_scipy(prob: float, degrees: float) -> None:
    assert student_t_quantile(prob, degrees=degrees) == pytest.approx(scipy.stats.t.ppf(prob, degrees), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 30, 999, 1000, 1001, 5000])
def test_tails_of_a_fair_coin_are_those_of_scipy(n: int) -> None:
    for k in sorted({0, n // 5, n // 2, (2 * n) // 3, n}):
        expected = scipy.stats.binomtest(k, n).pvalue if n else 1.0
        assert fair_coin_tails(k, n) == pytest.approx(expected, rel=1e-9, abs=1e-300)
