"""Counts of records add up to the scores of heads, for every kind of head."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from seqlab.data.fields import PartialTagField, TagField
from seqlab.heads import (
    BiaffineSpanHead,
    CrfTokenHead,
    CtcHead,
    Head,
    MultiLabelHead,
    PairScoreHead,
    SegmentHead,
    SequenceHead,
    SoftmaxTokenHead,
)
from seqlab.metrics import (
    classification_scores,
    label_error_rate,
    multilabel_scores,
    span_scores,
    span_set_scores,
    tag_accuracy,
)
from seqlab.runs.comparison import record_counts
from seqlab.runs.comparison.record_counts import counted_of
from seqlab.runs.run import AnsweredRecord, FinishedRun
from seqlab.types import Prediction, Span

TAGS = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "I-LOC"], [], ["B-LOC", "B-LOC"]]
SAID = [["B-PER", "O", "O", "B-LOC"], ["O", "I-LOC"], [], ["B-LOC", "I-LOC"]]


def answered(gold: Sequence[Any], said: Sequence[Prediction]) -> list[AnsweredRecord]:
    pairs = enumerate(zip(gold, said, strict=True))
    return [AnsweredRecord(i, None, {"head": right}, {"head": answer}) for i, (right, answer) in pairs]


def values(gold: Sequence[Any], said: Sequence[Prediction], kind: type[Head], target: Any = None) -> dict[str, float]:
    found = record_counts(answered(gold, said), head="head", counted=kind.counted(target))
    return {score.name: score.of(counts) for score, counts in found.items()}


def labelled(rows: Sequence[list[str]]) -> list[Prediction]:
    return [Prediction(row, []) for row in rows]


def test_tags_with_spans() -> None:
    scores = {**span_scores(TAGS, SAID, scheme="BIO"), **tag_accuracy(TAGS, SAID)}
    found = values(TAGS, labelled(SAID), CrfTokenHead, TagField(column="tags", scheme="BIO"))
    assert found == {
        "span F1": pytest.approx(scores["span_f1"]["strict"]),
        "accuracy": pytest.approx(scores["accuracy"]),
    }
    assert 0 < found["span F1"] < 1


def test_tags_without_spans() -> None:
    scores = tag_accuracy(TAGS, SAID)
    found = values(TAGS, labelled(SAID), SoftmaxTokenHead, TagField(column="tags", scheme=None))
    assert found == {"accuracy": pytest.approx(scores["accuracy"])}


def test_labels_of_records() -> None:
    assert values(["a", "b", "a"], labelled([["a"], ["a"], ["a"]]), SequenceHead) == {"accuracy": pytest.approx(2 / 3)}


def test_labels_of_segments_without_those_that_nobody_knows() -> None:
    gold, said = [["a", None], ["b"], []], [["a", "b"], ["a"], []]
    scores = classification_scores(["a", "b"], ["a", "a"])
    assert values(gold, labelled(said), SegmentHead) == {"accuracy": pytest.approx(scores["accuracy"])}


def test_sets_of_labels() -> None:
    gold, said = [["a", "b"], [], ["c"]], [["a"], [], ["b"]]
    scores = multilabel_scores(gold, said)
    expected = {"micro F1": pytest.approx(scores["micro_f1"]), "accuracy": pytest.approx(scores["subset_accuracy"])}
    assert values(gold, labelled(said), MultiLabelHead) == expected


def test_labels_without_places_against_the_closest_right_answer() -> None:
    gold = [[["a", "b"], ["a", "c", "c"]], [["x"]], [[]]]
    said = [["a", "c"], ["x", "y"], ["z"]]
    scores = label_error_rate([["a", "b"], ["x"], []], said)
    assert values(gold, labelled(said), CtcHead) == {"label error rate": pytest.approx(scores["label_error_rate"])}


def test_nested_spans() -> None:
    gold = [[[[0, 3], "A"], [[1, 2], "B"], [[4, 5], None]], [[[0, 1], "A"]]]
    said = [
        Prediction(["A", "A", "B"], [], bounds=[(0, 3), (1, 2), (4, 5)]),
        Prediction(["A"], [], bounds=[(0, 1)]),
    ]
    known = [[Span(0, 3, "A"), Span(1, 2, "B")], [Span(0, 1, "A")]]
    scores = span_set_scores(known, [[Span(0, 3, "A"), Span(1, 2, "A")], [Span(0, 1, "A")]])
    assert values(gold, said, BiaffineSpanHead) == {"span F1": pytest.approx(scores["span_f1"]["strict"])}


def test_what_is_annotated_in_part_counts_where_it_is_annotated() -> None:
    field = PartialTagField(column="tags", scheme="BIO", unannotated="_", separator="|")
    gold = [["B-PER|B-ORG", "_", "O"], ["B-LOC", "O"]]
    said = labelled([["B-ORG", "O", "B-LOC"], ["B-LOC", "B-PER"]])
    found = record_counts(answered(gold, said), head="head", counted=CrfTokenHead.counted(field))
    spans, steps = found.values()
    assert spans.tolist() == [[0, 0, 0], [1, 2, 1]]
    assert steps.tolist() == [[1, 2], [1, 2]]


def test_a_head_that_declares_nothing_is_left_out() -> None:
    assert record_counts(answered(TAGS, labelled(SAID)), head="head", counted=PairScoreHead.counted(None)) == {}


@pytest.fixture
def run_with(tmp_path: Path) -> Callable[..., FinishedRun]:
    """Return what makes a run whose config has a head."""

    def make(target: str, **field: object) -> FinishedRun:
        config = {"heads": {"mine": {"_target_": target, "target": {"_target_": "seqlab.data.fields.TagField", **field}}}}
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        return FinishedRun(tmp_path)

    return make


@pytest.mark.parametrize("target", ["seqlab.heads.CrfTokenHead", "my_file.MyHead"])
def test_the_class_or_else_the_scores_of_a_head_tell_what_is_counted(target: str, run_with: Callable[..., FinishedRun]) -> None:
    run = run_with(target, column="tags", scheme="BIO")
    counted = counted_of(run, "mine@first", scores=tag_accuracy(TAGS, SAID))
    assert [score.name for score, _ in counted] == ["span F1", "accuracy"]


def test_nothing_is_counted_where_neither_is_known(run_with: Callable[..., FinishedRun]) -> None:
    unknown = run_with("my_file.MyHead", column="tags", scheme=None)
    assert counted_of(unknown, "mine", scores={"roundness": 0.5}) == []
    no_field = run_with("seqlab.heads.CrfTokenHead", column="tags", scheme=None, _target_="my_file.MyField")
    assert counted_of(no_field, "mine", scores=tag_accuracy(TAGS, SAID)) == []
    assert counted_of(unknown, "other", scores={}) == []
