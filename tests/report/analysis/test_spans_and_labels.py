"""What is counted of answers: by enumeration, by definition, and against the metrics that the runs report."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.heads.parts.answers import SpanAnswer
from seqlab.metrics import label_error_rate, span_set_scores
from seqlab.report.analysis.confusion import NONE, OTHERS, Confusion
from seqlab.report.analysis.counting import in_order, length_class
from seqlab.report.analysis.edits import aligned
from seqlab.report.analysis.familiarity import NEW_FORM, NEW_WORDS, OTHER_LABEL, SAME_LABEL, Training
from seqlab.report.analysis.span_cases import BOTH, BOUNDARY, CORRECT, MISSED, SPURIOUS, TYPE, span_cases
from seqlab.report.analysis.suspects import Judgement, suspects
from seqlab.types import Span

spans = st.builds(
    lambda start, width, label: Span(start, start + width, label), st.integers(0, 6), st.integers(1, 4), st.sampled_from("AB")
)
sets_of_spans = st.sets(spans, max_size=5).map(sorted)


def answer(gold: list[Span], found: list[Span]) -> SpanAnswer:
    return SpanAnswer("x", [str(i) for i in range(12)], gold, found, [0.5 + i / 10 for i in range(len(found))])


@pytest.mark.parametrize(
    ("gold", "found", "kinds"),
    [
        ([Span(0, 2, "A")], [Span(0, 2, "A")], [CORRECT]),
        ([Span(0, 2, "A")], [Span(0, 3, "A")], [BOUNDARY]),
        ([Span(0, 2, "A")], [Span(0, 2, "B")], [TYPE]),
        ([Span(0, 2, "A")], [Span(1, 3, "B")], [BOTH]),
        ([Span(0, 2, "A")], [Span(2, 3, "A")], [MISSED, SPURIOUS]),
        ([Span(0, 2, "A"), Span(2, 4, "A")], [Span(0, 4, "A")], [BOUNDARY, MISSED]),
        # equal bounds come before equal types
        ([Span(0, 2, "A")], [Span(0, 2, "B"), Span(1, 3, "A")], [TYPE, SPURIOUS]),
        # equal types before what shares more steps
        ([Span(2, 5, "A")], [Span(0, 3, "A"), Span(3, 6, "B")], [BOUNDARY, SPURIOUS]),
        # nested spans
        ([Span(0, 4, "A"), Span(1, 2, "B")], [Span(0, 4, "A"), Span(1, 3, "B")], [CORRECT, BOUNDARY]),
    ],
)
def test_span_cases_have_the_kind_of_their_error(gold: list[Span], found: list[Span], kinds: list[str]) -> None:
    assert sorted(case.kind for case in span_cases(answer(gold, found))) == sorted(kinds)


@given(sets_of_spans, sets_of_spans)
def test_every_span_is_in_one_case(gold: list[Span], found: list[Span]) -> None:
    cases = span_cases(answer(gold, found))
    assert Counter(case.gold for case in cases if case.gold) == Counter(gold)
    assert Counter(case.found for case in cases if case.found) == Counter(found)
    confidences = dict(zip(found, answer(gold, found).confidences, strict=True))
    assert all(case.confidence == (confidences[case.found] if case.found else None) for case in cases)
    n_correct = sum(case.kind == CORRECT for case in cases)
    assert n_correct == len(set(gold) & set(found))
    scores = span_set_scores([gold], [found])
    assert 2 * n_correct / max(1, len(gold) + len(found)) == pytest.approx(scores["span_f1"]["strict"])


@given(sets_of_spans, sets_of_spans)
def test_what_is_left_unpaired_overlaps_nothing_that_is_left(gold: list[Span], found: list[Span]) -> None:
    cases = span_cases(answer(gold, found))
    missed = [case.gold for case in cases if case.kind == MISSED and case.gold]
    spurious = [case.found for case in cases if case.kind == SPURIOUS and case.found]
    assert not any(min(a.end, b.end) > max(a.start, b.start) for a in missed for b in spurious)


def test_confusion_counts_rows_by_gold_and_keeps_none_last() -> None:
    pairs = [("A", "A"), ("A", "B"), ("B", "B"), ("B", "B"), ("B", None), (None, "A")]
    confusion = Confusion.of(pairs, max_labels=10)
    assert confusion.labels == ["B", "A", NONE]
    assert confusion.counts == [[2, 0, 1], [1, 1, 0], [0, 1, 0]]
    assert confusion.most_confused(2) == [
        (NONE, "A", 1, 1.0),
        ("A", "B", 1, 0.5),
    ]


@given(st.lists(st.tuples(st.sampled_from("ABCDEFG"), st.sampled_from("ABCDEFG") | st.none()), max_size=40), st.integers(2, 6))
def test_confusion_of_too_many_labels_loses_no_count(pairs: list[tuple[str, str | None]], max_labels: int) -> None:
    confusion = Confusion.of(pairs, max_labels=max_labels)
    assert sum(map(sum, confusion.counts)) == len(pairs)
    n_labels = len({label or NONE for pair in pairs for label in pair})
    assert (OTHERS in confusion.labels) == (n_labels > max_labels)
    assert len(confusion.labels) <= max(max_labels, n_labels if n_labels <= max_labels else max_labels)


@given(st.text("abc", max_size=7), st.text("abc", max_size=7))
def test_alignments_have_the_fewest_edits(gold: str, predicted: str) -> None:
    pairs = aligned(list(gold), list(predicted))
    assert "".join(one for one, _ in pairs if one) == gold
    assert "".join(other for _, other in pairs if other) == predicted
    n_edits = sum(one != other for one, other in pairs)
    scores = label_error_rate([list(gold)], [list(predicted)])
    assert n_edits == scores["substitutions"] + scores["insertions"] + scores["deletions"]


def test_familiarity_is_that_of_the_spelt_words() -> None:
    training = Training()
    training.add(["New", "York", "is", "Ada"], [((0, 2), "LOC"), ((3, 4), "PER")])
    assert training.familiarity(["New", "York"], "LOC") == SAME_LABEL
    assert training.familiarity(["New", "York"], "ORG") == OTHER_LABEL
    assert training.familiarity(["York"], "LOC") == NEW_FORM
    assert training.familiarity(["new", "York"], "LOC") == NEW_WORDS
    assert training.share_of_new_words(["Ada", "was", "new", "is"]) == 0.5


def test_suspects_are_at_least_as_confident_as_the_average_agreement() -> None:
    agreed = [Judgement(0, "A", "A", 0.9, 0, 1), Judgement(1, "A", "A", 0.7, 0, 1)]
    rows = [
        Judgement(2, "B", "A", 0.85, 0, 1),
        Judgement(3, "B", "A", 0.79, 0, 1),
        Judgement(4, "A", "B", 1.0, 0, 1),  # B is never right, so it has no threshold
        Judgement(5, "B", "A", 0.95, 0, 1),
    ]
    assert [(judgement.record, threshold) for judgement, threshold in suspects([*agreed, *rows])] == [
        (5, pytest.approx(0.8)),
        (2, pytest.approx(0.8)),
    ]


def test_classes_of_lengths_join_without_gaps_and_stand_in_order() -> None:
    names = [length_class(length) for length in range(60)]
    assert names[:6] == ["0", "1", "2-4", "2-4", "2-4", "5-9"]
    assert names[39:41] == ["20-39", "40 or more"]
    assert in_order(set(names)) == ["0", "1", "2-4", "5-9", "10-19", "20-39", "40 or more"]
