import pytest

from seqlab.errors import DataError
from seqlab.metrics import span_scores, span_set_scores
from seqlab.types import Span


def spans(*found: tuple[int, int, str]) -> list[Span]:
    return [Span(*span) for span in found]


def test_right_are_spans_of_the_same_bounds_and_label() -> None:
    gold = [spans((0, 4, "A"), (1, 2, "B"), (3, 4, "B")), spans((0, 1, "A"))]
    predicted = [spans((1, 2, "B"), (0, 4, "B"), (3, 4, "B")), spans((0, 1, "A"), (0, 2, "A"), (0, 1, "A"))]
    scores = span_set_scores(gold, predicted)
    assert scores["precision"]["strict"] == pytest.approx(3 / 5)
    assert scores["recall"]["strict"] == pytest.approx(3 / 4)
    assert scores["span_f1"]["strict"] == pytest.approx(2 * 3 / (5 + 4))
    assert scores["per_type"] == {
        "A": {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2},
        "B": {"precision": pytest.approx(2 / 3), "recall": 1.0, "f1": pytest.approx(0.8), "support": 2},
    }


def test_inner_spans_lie_in_wider_ones_of_their_side() -> None:
    gold = [spans((0, 4, "A"), (0, 2, "B"), (3, 4, "B"), (5, 6, "B")), spans((0, 3, "A"), (1, 5, "A"))]
    predicted = [spans((0, 2, "B"), (3, 4, "A"), (5, 6, "B"), (5, 8, "B")), spans((0, 3, "A"))]
    # found of gold's two inner spans is one, though not within another there; right of the one predicted is that one
    assert span_set_scores(gold, predicted)["inner_spans"] == {
        "precision": 1.0,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
        "support": 2,
    }


def test_flat_spans_score_as_their_tags_do() -> None:
    gold, predicted = [["B-A", "I-A", "O", "B-B"], ["O", "B-A"]], [["B-A", "O", "O", "B-B"], ["B-B", "B-A"]]
    as_spans = [
        [spans((0, 2, "A"), (3, 4, "B")), spans((1, 2, "A"))],
        [spans((0, 1, "A"), (3, 4, "B")), spans((0, 1, "B"), (1, 2, "A"))],
    ]
    found, expected = span_set_scores(*as_spans), span_scores(gold, predicted, scheme="BIO")
    assert found["span_f1"] == pytest.approx({mode: f1 for mode, f1 in expected["span_f1"].items() if mode != "default"})
    assert found["matches"] == expected["matches"]
    assert found["per_type"] == expected["per_type"]


def test_nothing_to_divide_by_is_zero() -> None:
    scores = span_set_scores([[], []], [[], []])
    assert scores["span_f1"]["strict"] == 0.0
    assert scores["per_type"] == {}
    assert scores["inner_spans"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}


def test_another_number_of_records_is_refused() -> None:
    with pytest.raises(DataError, match="predicted has 1 records; expected 2"):
        span_set_scores([[], []], [[]])
