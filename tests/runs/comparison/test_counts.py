"""Counts of records add up to the scores of heads, whatever kind they are of."""

from collections.abc import Sequence
from typing import Any

import pytest

from seqlab.metrics import (
    classification_scores,
    label_error_rate,
    multilabel_scores,
    span_scores,
    span_set_scores,
    tag_accuracy,
)
from seqlab.runs.comparison import record_counts
from seqlab.runs.run import AnsweredRecord
from seqlab.types import Prediction, Span

TAGS = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "I-LOC"], [], ["B-LOC", "B-LOC"]]
SAID = [["B-PER", "O", "O", "B-LOC"], ["O", "I-LOC"], [], ["B-LOC", "I-LOC"]]


def answered(gold: Sequence[Any], said: Sequence[Prediction]) -> list[AnsweredRecord]:
    pairs = enumerate(zip(gold, said, strict=True))
    return [AnsweredRecord(i, None, {"head": right}, {"head": answer}) for i, (right, answer) in pairs]


def values(gold: Sequence[Any], said: Sequence[Prediction], scores: dict[str, Any]) -> dict[str, float]:
    found = record_counts(answered(gold, said), head="head", scores=scores)
    return {one.score.name: one.score.of(one.counts) for one in found}


def labelled(rows: Sequence[list[str]]) -> list[Prediction]:
    return [Prediction(row, []) for row in rows]


def test_tags_with_spans() -> None:
    scores = {**span_scores(TAGS, SAID, scheme="BIO"), **tag_accuracy(TAGS, SAID)}
    found = values(TAGS, labelled(SAID), scores)
    assert found == {
        "span F1": pytest.approx(scores["span_f1"]["strict"]),
        "accuracy": pytest.approx(scores["accuracy"]),
    }
    assert 0 < found["span F1"] < 1


def test_tags_without_spans() -> None:
    scores = tag_accuracy(TAGS, SAID)
    assert values(TAGS, labelled(SAID), scores) == {"accuracy": pytest.approx(scores["accuracy"])}


def test_labels_of_records() -> None:
    scores = classification_scores(["a", "b", "a"], ["a", "a", "a"])
    assert values(["a", "b", "a"], labelled([["a"], ["a"], ["a"]]), scores) == {"accuracy": pytest.approx(2 / 3)}


def test_labels_of_segments_without_those_that_nobody_knows() -> None:
    gold, said = [["a", None], ["b"], []], [["a", "b"], ["a"], []]
    scores = classification_scores(["a", "b"], ["a", "a"])
    assert values(gold, labelled(said), scores) == {"accuracy": pytest.approx(scores["accuracy"])}


def test_sets_of_labels() -> None:
    gold, said = [["a", "b"], [], ["c"]], [["a"], [], ["b"]]
    scores = multilabel_scores(gold, said)
    expected = {"micro F1": pytest.approx(scores["micro_f1"]), "accuracy": pytest.approx(scores["subset_accuracy"])}
    assert values(gold, labelled(said), scores) == expected


def test_labels_without_places_against_the_closest_right_answer() -> None:
    gold = [[["a", "b"], ["a", "c", "c"]], [["x"]], [[]]]
    said = [["a", "c"], ["x", "y"], ["z"]]
    scores = label_error_rate([["a", "b"], ["x"], []], said)
    assert values(gold, labelled(said), scores) == {"label error rate": pytest.approx(scores["label_error_rate"])}


def test_nested_spans() -> None:
    gold = [[[[0, 3], "A"], [[1, 2], "B"], [[4, 5], None]], [[[0, 1], "A"]]]
    said = [
        Prediction(["A", "A", "B"], [], bounds=[(0, 3), (1, 2), (4, 5)]),
        Prediction(["A"], [], bounds=[(0, 1)]),
    ]
    known = [[Span(0, 3, "A"), Span(1, 2, "B")], [Span(0, 1, "A")]]
    scores = span_set_scores(known, [[Span(0, 3, "A"), Span(1, 2, "A")], [Span(0, 1, "A")]])
    assert values(gold, said, scores) == {"span F1": pytest.approx(scores["span_f1"]["strict"])}


def test_what_is_annotated_in_part_counts_where_it_is_annotated() -> None:
    from seqlab.data.fields import PartialTagField

    field = PartialTagField(column="tags", scheme="BIO", unannotated="_", separator="|")
    gold = [["B-PER|B-ORG", "_", "O"], ["B-LOC", "O"]]
    said = labelled([["B-ORG", "O", "B-LOC"], ["B-LOC", "B-PER"]])
    scores = {"per_tag": {}, "scheme": "BIO"}
    spans, steps = record_counts(answered(gold, said), head="head", scores=scores, readings=field.readings)
    assert spans.counts.tolist() == [[0, 0, 0], [1, 2, 1]]
    assert steps.counts.tolist() == [[1, 2], [1, 2]]


def test_unknown_kinds_are_left_out() -> None:
    assert record_counts(answered(TAGS, labelled(SAID)), head="head", scores={"roundness": 0.5}) == []
