"""Paired tests over records, against enumeration, against scipy, and against drawing record by record."""

from itertools import product

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.metrics.significance import Score, f1, paired_test, per_label, share
from seqlab.metrics.significance.resampling import bootstrap_differences


def counts(seed: int, *, n: int, quality: float) -> np.ndarray:
    """Return counts of spans of `n` records; the same seed has the same gold."""
    gold = np.random.default_rng(seed).integers(0, 5, size=n)
    generator = np.random.default_rng((seed, round(100 * quality)))
    right = generator.binomial(gold, quality)
    return np.stack([right, right + generator.binomial(2, 1 - quality, size=n), gold], axis=1).astype(np.float64)


def value(score: Score, rows: np.ndarray) -> float:
    return float(score.of_sums(rows.sum(0)))


@pytest.mark.parametrize(
    ("score", "sums", "expected"),
    [
        (f1("span F1"), [3.0, 4.0, 6.0], 0.6),
        (f1("span F1"), [0.0, 0.0, 0.0], 0.0),
        (share("accuracy"), [3.0, 4.0], 0.75),
        (share("accuracy"), [0.0, 0.0], 0.0),
        (per_label("label error rate"), [3.0, 4.0], 0.75),
        (per_label("label error rate"), [3.0, 0.0], 3.0),
    ],
)
def test_scores_follow_from_sums(score: Score, sums: list[float], expected: float) -> None:
    assert score.of(np.array([sums])) == pytest.approx(expected)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 9))
def test_few_records_have_the_p_value_of_all_exchanges(seed: int, n: int) -> None:
    score, a, b = f1("span F1"), counts(seed, n=n, quality=0.9), counts(seed, n=n, quality=0.5)
    observed = abs(value(score, a) - value(score, b))
    signs = np.array(list(product([False, True], repeat=n)))[:, :, None]
    every = [abs(value(score, np.where(s, b, a)) - value(score, np.where(s, a, b))) for s in signs]
    found = paired_test(a, b, score=score, n_resamples=100, seed=0)
    assert found.is_exact
    assert found.p_value == pytest.approx(np.mean(np.array(every) >= observed - 1e-12))


def test_randomisation_agrees_with_the_permutation_test_of_scipy() -> None:
    score, a, b = f1("span F1"), counts(3, n=80, quality=0.8), counts(3, n=80, quality=0.72)
    rows = np.arange(80)

    def statistic(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
        both = np.stack([a, b])
        of = [score.of_sums(both[(side >= 80).astype(int), side % 80].sum(-2)) for side in (x, y)]
        return np.asarray(of[0] - of[1])

    expected = scipy.stats.permutation_test(
        (rows, rows + 80), statistic, permutation_type="samples", n_resamples=9999, vectorized=True, axis=0 - 1, rng=1
    )
    found = paired_test(a, b, score=score, n_resamples=9999, seed=1)
    assert not found.is_exact
    assert 0.001 < found.p_value < 0.5
    assert found.p_value == pytest.approx(expected.pvalue, abs=0.02)


def test_bootstrap_interval_agrees_with_that_of_scipy() -> None:
    score, a, b = f1("span F1"), counts(5, n=300, quality=0.8), counts(5, n=300, quality=0.7)

    def statistic(rows: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.asarray(score.of_sums(a[rows].sum(-2)) - score.of_sums(b[rows].sum(-2)))

    expected = scipy.stats.bootstrap(
        (np.arange(300),), statistic, method="percentile", n_resamples=20_000, batch=1000, vectorized=True, rng=1
    ).confidence_interval
    found = paired_test(a, b, score=score, n_resamples=20_000, seed=1)
    assert found.interval == pytest.approx((expected.low, expected.high), abs=0.003)
    assert found.interval[0] < found.difference < found.interval[1]


def test_drawing_kinds_is_drawing_records() -> None:
    score, a, b = share("accuracy"), np.array([[1.0, 1], [0, 1], [1, 1]]), np.array([[1.0, 1], [1, 1], [0, 1]])
    exact = [value(score, a[list(rows)]) - value(score, b[list(rows)]) for rows in product(range(3), repeat=3)]
    drawn = bootstrap_differences(
        a, b, np.ones(3, dtype=np.int64), score=score, n_resamples=40_000, generator=np.random.default_rng(0)
    )
    for difference in sorted(set(np.round(exact, 9))):
        share_of_all = np.mean(np.isclose(exact, difference))
        assert np.mean(np.isclose(drawn, difference)) == pytest.approx(share_of_all, abs=0.01)


def test_same_seed_same_numbers_and_sides_are_mirrored() -> None:
    a, b = counts(1, n=200, quality=0.8), counts(1, n=200, quality=0.75)
    first, again = (paired_test(a, b, score=f1("span F1"), n_resamples=500, seed=7) for _ in range(2))
    assert first == again
    assert first != paired_test(a, b, score=f1("span F1"), n_resamples=500, seed=8)
    assert paired_test(b, a, score=f1("span F1"), n_resamples=500, seed=7).difference == -first.difference


def test_the_same_answers_are_no_difference() -> None:
    a = counts(1, n=50, quality=0.8)
    found = paired_test(a, a, score=f1("span F1"), n_resamples=100, seed=0)
    assert (found.difference, found.interval, found.p_value, found.n_different) == (0.0, (0.0, 0.0), 1.0, 0)


def test_many_records_of_many_kinds_go_in_portions() -> None:
    generator = np.random.default_rng(0)
    a, b = (generator.integers(0, 10_000, size=(6000, 2)).astype(np.float64) for _ in range(2))
    found = paired_test(a, b, score=share("accuracy"), n_resamples=1500, seed=0)
    assert found.n_different == 6000
    assert 0 < found.p_value <= 1
