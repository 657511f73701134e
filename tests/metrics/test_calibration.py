"""Calibration error against bins counted one by one, and by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.errors import ConfigError, DataError
from seqlab.metrics import expected_calibration_error
from seqlab.metrics.calibration import Bin, reliability_bins


@given(rows=st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1), n_bins=st.sampled_from([1, 2, 5, 8]))
def test_expected_calibration_error_equals_bins_counted_one_by_one(rows: list[tuple[int, bool]], n_bins: int) -> None:
    width = 40 // n_bins
    total = 0.0
    for lowest in range(0, 40, width):
        inside = [row for row in rows if lowest < row[0] <= lowest + width or row[0] == lowest == 0]
        if inside:
            confidence = sum(row[0] for row in inside) / 40 / len(inside)
            accuracy = sum(row[1] for row in inside) / len(inside)
            total += len(inside) / len(rows) * abs(confidence - accuracy)
    found = expected_calibration_error([row[0] / 40 for row in rows], [row[1] for row in rows], n_bins=n_bins)
    assert found == pytest.approx(total)


def test_expected_calibration_error_by_hand() -> None:
    confidences, is_correct = [0.9, 0.7, 0.2, 0.2], [True, False, False, True]
    assert expected_calibration_error(confidences, is_correct, n_bins=2) == pytest.approx(0.5 * 0.3 + 0.5 * 0.3)
    assert expected_calibration_error(confidences, is_correct, n_bins=1) == pytest.approx(0.0)


def test_reliability_bins_by_hand() -> None:
    found = reliability_bins([1.0, 0.75, 0.25, 0.0], [True, False, True, False], n_bins=4)
    assert found == [
        Bin(0.0, 0.25, 2, confidence=0.125, accuracy=0.5),
        Bin(0.25, 0.5, 0, confidence=0.375, accuracy=0.0),
        Bin(0.5, 0.75, 1, confidence=0.75, accuracy=0.0),
        Bin(0.75, 1.0, 1, confidence=1.0, accuracy=1.0),
    ]


@given(st.lists(st.floats(0, 1), max_size=30))
def test_reliability_bins_lose_no_answer(confidences: list[float]) -> None:
    assert sum(each.n for each in reliability_bins(confidences, [True] * len(confidences), n_bins=10)) == len(confidences)


def test_expected_calibration_error_of_confident_predictions() -> None:
    assert expected_calibration_error([1.0, 0.0], [True, False], n_bins=10) == 0.0
    assert expected_calibration_error([1.0, 0.0], [False, True], n_bins=10) == 1.0
    assert expected_calibration_error([], [], n_bins=10) == 0.0


@pytest.mark.parametrize(
    ("confidences", "message"),
    [
        ([0.5, 1.5], "confidence is 1.5"),
        ([-0.1, 0.0], "confidence is -0.1"),
        ([0.5, float("nan")], "confidence is nan"),
    ],
)
def test_expected_calibration_error_refuses_what_is_no_probability(confidences: list[float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        expected_calibration_error(confidences, [True, False], n_bins=2)


def test_expected_calibration_error_refuses_lengths_and_bins_that_cannot_be() -> None:
    with pytest.raises(DataError, match="is_correct has 1 values; expected 2"):
        expected_calibration_error([0.5, 0.5], [True], n_bins=2)
    with pytest.raises(ConfigError, match="n_bins is 0"):
        expected_calibration_error([0.5], [True], n_bins=0)
