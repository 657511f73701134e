"""Thresholds for a wanted precision against trying every one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.metrics import CurvePoint, PrecisionCurve, precision_curves

SPANS = st.lists(st.tuples(st.integers(0, 12).map(lambda n: n / 12), st.booleans()), max_size=14)


def kept(rows: list[tuple[float, bool]], threshold: float) -> list[bool]:
    return sorted(right for confidence, right in rows if confidence >= threshold)


def lowest_by_trying(rows: list[tuple[float, bool]], min_precision: float) -> list[bool] | None:
    """Return what the lowest threshold of the wanted precision keeps, None where none has it."""
    for threshold in sorted({confidence for confidence, _ in rows}):
        rights = kept(rows, threshold)
        if sum(rights) / len(rights) >= min_precision:
            return rights
    return None


@given(rows=SPANS, min_precision=st.sampled_from([0.01, 0.25, 0.5, 2 / 3, 0.75, 0.9, 1.0]))
def test_the_threshold_is_the_lowest_that_reaches_the_precision(rows: list[tuple[float, bool]], min_precision: float) -> None:
    curve = PrecisionCurve.of([confidence for confidence, _ in rows], [right for _, right in rows], n_gold=20)
    point = curve.at(min_precision)
    expected = lowest_by_trying(rows, min_precision)
    if expected is None or point is None:
        assert point is expected is None
        assert curve.recall(point) == 0
        return
    assert kept(rows, point.threshold) == expected
    assert (point.n_kept, point.n_correct) == (len(expected), sum(expected))
    assert curve.recall(point) == sum(expected) / 20


@given(rows=SPANS)
def test_thresholds_and_precisions_rise_and_order_does_not_matter(rows: list[tuple[float, bool]]) -> None:
    curve = PrecisionCurve.of([confidence for confidence, _ in rows], [right for _, right in rows], n_gold=3)
    for one, other in zip(curve.points, curve.points[1:], strict=False):
        assert one.threshold < other.threshold
        assert one.precision < other.precision
    turned = rows[::-1]
    assert PrecisionCurve.of([confidence for confidence, _ in turned], [right for _, right in turned], n_gold=3) == curve
    assert PrecisionCurve.from_content(json.loads(json.dumps(curve.content()))) == curve


def test_a_threshold_lies_between_confidences() -> None:
    curve = PrecisionCurve.of([0.2, 0.4, 0.8, 0.8], [False, False, True, True], n_gold=2)
    assert curve.points == [CurvePoint(0.0, 4, 2), CurvePoint(pytest.approx(0.3), 3, 2), CurvePoint(pytest.approx(0.6), 2, 2)]


def test_a_threshold_between_neighbouring_floats_parts_them() -> None:
    low, high = 0.5, 0.5000000000000001
    (point,) = PrecisionCurve.of([low, high], [False, True], n_gold=1).points[1:]
    assert low < point.threshold <= high


def test_each_type_has_a_curve() -> None:
    judged = [("PER", 0.9, True), ("PER", 0.7, False), ("PER", 0.6, False)]
    curves = precision_curves(judged, n_gold={"PER": 1, "LOC": 1})
    assert list(curves) == ["LOC", "PER"]
    assert curves["LOC"] == PrecisionCurve(1, [])
    assert curves["PER"].n_gold == 1
    assert [(point.n_kept, point.n_correct) for point in curves["PER"].points] == [(3, 1), (2, 1), (1, 1)]


def test_without_records_there_are_no_types() -> None:
    assert precision_curves([], n_gold={}) == {}
