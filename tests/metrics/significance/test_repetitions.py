"""Spread of repetitions and tests of their means, against scipy and the formulas of their papers."""

from math import inf, sqrt

import numpy as np
import pytest
import scipy.stats

from seqlab.metrics.significance import corrected_paired_test, summarise, welch_test

A = [0.81, 0.83, 0.80, 0.84, 0.82]
B = [0.79, 0.80, 0.70, 0.78]


def test_summary_has_the_interval_of_student() -> None:
    found = summarise(A)
    expected = scipy.stats.t.interval(0.95, len(A) - 1, loc=np.mean(A), scale=scipy.stats.sem(A))
    assert found.n == 5
    assert found.mean == pytest.approx(np.mean(A))
    assert found.sd == pytest.approx(np.std(A, ddof=1))
    assert found.interval == pytest.approx(expected)


def test_one_value_has_no_spread() -> None:
    found = summarise([0.5])
    assert (found.n, found.mean, found.sd, found.interval) == (1, 0.5, None, None)


def test_folds_widen_the_interval_by_what_their_records_share() -> None:
    plain, of_folds = summarise(A), summarise(A, n_folds=5)
    assert plain.interval is not None
    assert of_folds.interval is not None
    widths = [high - low for low, high in (plain.interval, of_folds.interval)]
    assert widths[1] / widths[0] == pytest.approx(sqrt((1 / 5 + 1 / 4) / (1 / 5)))


def test_welch_is_that_of_scipy() -> None:
    found, expected = welch_test(A, B), scipy.stats.ttest_ind(A, B, equal_var=False)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.degrees == pytest.approx(expected.df)
    assert found.interval == pytest.approx(tuple(expected.confidence_interval(0.95)))
    pooled = sqrt((4 * np.var(A, ddof=1) + 3 * np.var(B, ddof=1)) / 7)
    assert found.cohens_d == pytest.approx((np.mean(A) - np.mean(B)) / pooled)


def test_one_seed_leaves_welch_undefined() -> None:
    found = welch_test(A, [0.5])
    assert found.difference == pytest.approx(np.mean(A) - 0.5)
    assert (found.p_value, found.interval, found.cohens_d) == (None, None, None)


@pytest.mark.parametrize(("b", "p_value", "cohens_d"), [([0.5, 0.5], 1.0, 0.0), ([0.25, 0.25], 0.0, inf)])
def test_runs_without_spread_differ_or_do_not(b: list[float], p_value: float, cohens_d: float) -> None:
    found = welch_test([0.5, 0.5], b)
    assert (found.p_value, found.cohens_d) == (p_value, cohens_d)


def test_corrected_test_has_the_t_of_nadeau_and_bengio() -> None:
    b = [0.80, 0.82, 0.80, 0.80, 0.81]
    differences = np.array(A) - np.array(b)
    t = differences.mean() / sqrt((1 / 5 + 1 / 4) * differences.var(ddof=1))
    found = corrected_paired_test(A, b, n_folds=5)
    assert found.p_value == pytest.approx(2 * scipy.stats.t.sf(abs(t), 4))
    assert found.p_value is not None
    assert found.p_value > scipy.stats.ttest_rel(A, b).pvalue
