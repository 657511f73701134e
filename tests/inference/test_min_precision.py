"""Spans of a wanted precision, with curves of the tests' own in the place of those that training left."""

from dataclasses import replace
from typing import Any

import pytest

import seqlab
from seqlab.data.records import records_from_columns
from seqlab.errors import BundleError, ConfigError
from seqlab.inference import MinPrecision

TEXT = "Ada visited Oslo ."


def curve(*points: tuple[float, int, int], n_gold: int = 10) -> dict[str, Any]:
    return {"n_gold": n_gold, "points": [list(point) for point in points]}


def with_curves(tagger: seqlab.Tagger, precision: Any) -> seqlab.Tagger:
    return seqlab.Tagger(replace(tagger.bundle, facts={**tagger.bundle.facts, "precision": precision}))


CURVES = {"tags": {"LOC": curve((0.0, 10, 7), (0.3, 5, 4)), "PER": curve((0.0, 8, 4), (1.5, 2, 2))}}
"""Of PER, all at a precision of 0.5, none at a higher one: nobody is as sure as that."""


def spans_of(tagger: seqlab.Tagger, min_precision: float | None) -> list[str]:
    (record,) = tagger.predict([TEXT], min_precision=min_precision)
    return [span.label for span in record.spans]


def test_spans_are_kept_by_the_threshold_of_their_type(tagger: seqlab.Tagger) -> None:
    made = with_curves(tagger, CURVES)
    assert made.min_precision(0.8).thresholds == {"tags": {"LOC": 0.3, "PER": 1.5}}
    assert spans_of(made, None) == ["PER", "LOC"]
    assert spans_of(made, 0.5) == ["PER", "LOC"]
    assert spans_of(made, 0.8) == ["LOC"]


def test_of_a_type_that_never_reached_it_nothing_is_kept(tagger: seqlab.Tagger) -> None:
    made = with_curves(tagger, CURVES)
    assert made.min_precision(0.9).thresholds == {"tags": {"LOC": None, "PER": 1.5}}
    assert list(made.min_precision(0.9).unreachable()) == ["LOC"]
    assert spans_of(made, 0.9) == []
    assert spans_of(with_curves(tagger, {"tags": {"PER": curve((0.0, 1, 1))}}), 0.9) == ["PER"]


def test_types_that_validation_never_had_are_named(tagger: seqlab.Tagger) -> None:
    only_persons = with_curves(tagger, {"tags": {"PER": curve((0.0, 1, 1))}}).min_precision(0.9)
    assert only_persons.thresholds == {"tags": {"LOC": None, "PER": 0.0}}
    assert list(only_persons.unreachable()) == ["LOC"]
    of_another_head = with_curves(tagger, {"chunks": {"NP": curve((0.0, 1, 1))}}).min_precision(0.9)
    assert sorted(of_another_head.unreachable()) == ["LOC", "PER"]


def test_tags_and_confidences_agree_with_what_is_left(tagger: seqlab.Tagger) -> None:
    whole, left = (with_curves(tagger, CURVES).predict([TEXT], min_precision=p)[0].predictions["tags"] for p in (None, 0.8))
    assert whole.labels == ["B-PER", "O", "B-LOC", "O"]
    assert left.labels == ["O", "O", "B-LOC", "O"]
    assert left.confidences == [1 - whole.confidences[0], *whole.confidences[1:]]
    assert whole.span_confidences is not None
    assert left.span_confidences == whole.span_confidences[1:]


def test_ranked_answers_stay(tagger: seqlab.Tagger) -> None:
    (record,) = with_curves(tagger, CURVES).predict([TEXT], n_best=2, min_precision=0.8)
    assert record.predictions["tags"].labels == ["O", "O", "B-LOC", "O"]
    assert record.predictions["tags"].alternatives is not None
    assert record.predictions["tags"].alternatives[0].labels == ["B-PER", "O", "B-LOC", "O"]


def on_validation(*values: float | None) -> dict[str, float | None]:
    return dict(zip(("threshold", "val_precision", "val_recall", "val_kept"), values, strict=True))


def scores_of(*values: Any) -> dict[str, Any]:
    return dict(zip(("precision", "recall", "f1", "support"), values, strict=True))


def test_scores_tell_what_is_left(tagger: seqlab.Tagger) -> None:
    records = records_from_columns(
        {"tokens": [TEXT.split()] * 2, "tags": [["B-PER", "O", "B-LOC", "O"], ["O", "O", "O", "B-X"]]}
    )
    scores = with_curves(tagger, CURVES).evaluate(records, min_precision=0.8)
    assert scores["span_f1"] == tagger.evaluate(records)["span_f1"]
    found = scores["min_precision"]
    assert (found["asked"], found["precision"], found["recall"]) == (0.8, 0.5, pytest.approx(1 / 3))
    assert found["per_type"] == {
        "LOC": on_validation(0.3, 0.8, 0.4, 5) | scores_of(0.5, 1.0, pytest.approx(2 / 3), 1),
        "PER": on_validation(1.5, 1.0, 0.2, 2) | scores_of(0.0, 0.0, 0.0, 1),
        "X": on_validation(None, None, 0.0, 0) | scores_of(0.0, 0.0, 0.0, 1),
    }


@pytest.mark.parametrize("value", [0.0, -0.5, 1.01, float("nan")])
def test_a_precision_is_a_share(tagger: seqlab.Tagger, value: float) -> None:
    with pytest.raises(ConfigError, match=f"min_precision is {value}; expected a precision above 0 and at most 1"):
        MinPrecision(tagger.bundle, value)


@pytest.mark.parametrize("precision", [None, {}])
def test_a_bundle_without_curves_says_so(tagger: seqlab.Tagger, precision: object) -> None:
    with pytest.raises(BundleError, match=r"does not record the precision of its spans: .* score its checkpoint again"):
        with_curves(tagger, precision).predict([TEXT], min_precision=0.9)


@pytest.mark.parametrize(
    "damaged", [{"tags": {"PER": {}}}, {"tags": {"PER": {"n_gold": 1, "points": [[1]]}}}, {"tags": []}, [1]]
)
def test_damaged_curves_are_refused(tagger: seqlab.Tagger, damaged: object) -> None:
    with pytest.raises(BundleError, match="precision of spans is damaged"):
        with_curves(tagger, damaged).predict([TEXT], min_precision=0.9)


def test_a_model_without_spans_says_so(reading_upos: seqlab.Tagger) -> None:
    with pytest.raises(
        ConfigError, match=r"min_precision needs a head that finds spans; the heads of this model \(tags\) do not"
    ):
        reading_upos.predict([{"tokens": ["Ada"], "upos": ["PROPN"]}], min_precision=0.9)
