"""Agreement of numbers, as SciPy and scikit-learn have it."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mean_squared_error

from seqlab.errors import DataError
from seqlab.metrics import agreement_scores


@pytest.mark.parametrize("n_values", [3, 40])
def test_scores_are_those_of_scipy(n_values: int) -> None:
    random = np.random.default_rng(n_values)
    gold = random.integers(1, 6, 60).astype(float).tolist()  # with ties
    predicted = (np.asarray(gold) + random.integers(0, n_values, 60) / 3).tolist()
    found = agreement_scores(gold, predicted)
    assert found["pearson"] == pytest.approx(stats.pearsonr(gold, predicted).statistic)
    assert found["spearman"] == pytest.approx(stats.spearmanr(gold, predicted).statistic)
    assert found["mse"] == pytest.approx(mean_squared_error(gold, predicted))


def test_what_is_all_the_same_agrees_with_nothing() -> None:
    assert agreement_scores([1.0, 2.0], [3.0, 3.0]) == {"pearson": 0.0, "spearman": 0.0, "mse": 2.5}
    assert agreement_scores([], []) == {"pearson": 0.0, "spearman": 0.0, "mse": 0.0}


def test_other_numbers_of_records_are_refused() -> None:
    with pytest.raises(DataError, match="2"):
        agreement_scores([1.0, 2.0], [1.0])
