"""Partial credit against nervaluate, against counting by hand, and where nervaluate depends on the order of spans.

nervaluate 1.2.1: its lists may hold B and I alone, so other schemes are compared by their spans; it cannot tell the kind of its
input where the first record is empty, so it is always told; and it sees an overlap only from 1 % of the gold span on.
"""

import random
from itertools import pairwise, permutations
from typing import Any

import pytest
from nervaluate.evaluator import Evaluator

from seqlab.data.schemes import SCHEME_NAMES, get_scheme
from seqlab.errors import DataError
from seqlab.metrics import match_spans, span_scores
from seqlab.types import Span

LABELS = ("PER", "creative-work", "a-")
MODES = {"strict": "strict", "exact": "exact", "partial": "partial", "type": "ent_type"}
COUNTS = ("correct", "incorrect", "partial", "missed", "spurious")
SCORES = ("precision", "recall", "f1")

Corpus = list[list[str]]
Spans = list[list[Span]]


def nervaluate_results(gold: Any, predicted: Any, *, loader: str) -> dict[str, dict[str, float]]:
    """Return nervaluate's counts and scores by our modes."""
    found = Evaluator(gold, predicted, tags=list(LABELS), loader=loader).evaluate()["overall"]
    return {ours: {name: getattr(found[theirs], name) for name in COUNTS + SCORES} for ours, theirs in MODES.items()}


def as_dicts(rows: Spans) -> list[list[dict[str, Any]]]:
    """Return spans as nervaluate takes them, with inclusive ends."""
    return [[{"start": s.start, "end": s.end - 1, "label": s.label} for s in row] for row in rows]


def our_results(gold: Spans, predicted: Spans) -> dict[str, dict[str, float]]:
    return {mode: matches._asdict() | matches.scores() for mode, matches in match_spans(gold, predicted).items()}


def assert_equal(found: dict[str, dict[str, float]], expected: dict[str, dict[str, float]]) -> None:
    """Compare results, scores up to their last bits."""
    assert found.keys() == expected.keys()
    for mode, results in expected.items():
        assert found[mode] == pytest.approx(results, rel=1e-12)


def random_corpus(dice: random.Random, *, scheme: str, n_sequences: int) -> tuple[Corpus, Corpus]:
    """Return gold tags, most of them no valid sequence, and predictions that differ from them here and there."""
    tags = get_scheme(scheme).tags_of(LABELS[:2])
    gold = [dice.choices(tags, k=dice.randint(0, 12)) for _ in range(n_sequences)]
    return gold, [[tag if dice.random() < 0.6 else dice.choice(tags) for tag in row] for row in gold]


def flat_spans(dice: random.Random) -> list[Span]:
    """Return spans that do not overlap, the next one often right behind the last."""
    cuts = sorted(dice.sample(range(16), 2 * dice.randint(0, 5)))
    bounds = pairwise(cuts) if dice.random() < 0.5 else zip(cuts[::2], cuts[1::2], strict=True)
    return [Span(start, end, dice.choice(LABELS)) for start, end in bounds]


@pytest.mark.parametrize("n_sequences", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_partial_credit_equals_nervaluate_on_bio_tags(n_sequences: int) -> None:
    dice = random.Random(0)
    for gold, predicted in [random_corpus(dice, scheme="BIO", n_sequences=n) for n in (n_sequences, *[3] * 40)]:
        theirs = nervaluate_results(gold, predicted, loader="list")
        ours = span_scores(gold, predicted, scheme="BIO")
        for mode in ("exact", "partial", "type"):
            assert ours["matches"][mode] == {name: theirs[mode][name] for name in COUNTS}
            found = {"precision": ours["precision"], "recall": ours["recall"], "f1": ours["span_f1"]}
            assert {name: found[name][mode] for name in SCORES} == pytest.approx({n: theirs[mode][n] for n in SCORES})
        assert ours["span_f1"]["default"] == pytest.approx(theirs["strict"]["f1"])


@pytest.mark.parametrize("scheme", SCHEME_NAMES)
@pytest.mark.parametrize("n_sequences", [150, pytest.param(10_000, marks=pytest.mark.slow)])
def test_partial_credit_is_that_of_the_spans_read_leniently(scheme: str, n_sequences: int) -> None:
    gold, predicted = random_corpus(random.Random(1), scheme=scheme, n_sequences=n_sequences)
    spans = [[get_scheme(scheme).spans(row) for row in rows] for rows in (gold, predicted)]
    expected = nervaluate_results(*map(as_dicts, spans), loader="dict")
    scores = span_scores(gold, predicted, scheme=scheme)
    assert scores["matches"] == {mode: {n: expected[mode][n] for n in COUNTS} for mode in ("exact", "partial", "type")}
    assert 0 < scores["span_f1"]["exact"] < scores["span_f1"]["partial"] < 1


@pytest.mark.parametrize("n_records", [1_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_matches_equal_nervaluate_on_flat_spans(n_records: int) -> None:
    dice = random.Random(2)
    gold, predicted = ([flat_spans(dice) for _ in range(n_records)] for _ in range(2))
    expected = nervaluate_results(as_dicts(gold), as_dicts(predicted), loader="dict")
    found = our_results(gold, predicted)
    assert_equal(found, expected)
    for one, other in zip(gold[:200], predicted[:200], strict=True):
        assert_equal(our_results([one], [other]), nervaluate_results(as_dicts([one]), as_dicts([other]), loader="dict"))


def test_matches_by_hand() -> None:
    gold = [[Span(0, 2, "PER"), Span(3, 5, "PER"), Span(6, 8, "LOC"), Span(9, 10, "LOC"), Span(12, 14, "LOC")]]
    predicted = [[Span(0, 2, "PER"), Span(3, 4, "PER"), Span(6, 8, "PER"), Span(9, 11, "PER"), Span(15, 16, "LOC")]]
    found = match_spans(gold, predicted)
    #                        correct, incorrect, partial, missed, spurious
    assert found["strict"] == (1, 3, 0, 1, 1)
    assert found["exact"] == (2, 2, 0, 1, 1)
    assert found["partial"] == (2, 0, 2, 1, 1)
    assert found["type"] == (2, 2, 0, 1, 1)
    assert found["partial"].scores() == pytest.approx({"precision": 0.6, "recall": 0.6, "f1": 0.6})


def test_nested_spans_are_matched_the_same_in_any_order() -> None:
    gold = [Span(0, 6, "ORG"), Span(0, 2, "LOC"), Span(4, 6, "PER")]
    predicted = [Span(0, 5, "ORG"), Span(0, 2, "LOC"), Span(4, 6, "ORG"), Span(4, 6, "PER")]
    results = [match_spans([list(a)], [list(b)]) for a in permutations(gold) for b in permutations(predicted)]
    assert all(result == results[0] for result in results)
    assert results[0]["strict"] == (2, 1, 0, 0, 1)
    assert results[0]["exact"] == (2, 1, 0, 0, 1)
    assert results[0]["type"] == (3, 0, 0, 0, 1)


def test_identical_spans_are_matched_first_where_nervaluate_takes_the_first_that_overlaps() -> None:
    gold = [[Span(2, 3, "PER")]]
    predicted = [[Span(0, 4, "PER"), Span(2, 3, "PER")]]
    assert our_results(gold, predicted)["strict"]["correct"] == 1
    assert nervaluate_results(as_dicts(gold), as_dicts(predicted), loader="dict")["strict"]["correct"] == 0
    turned = [predicted[0][::-1]]
    assert our_results(gold, turned) == our_results(gold, predicted)
    assert_equal(our_results(gold, turned), nervaluate_results(as_dicts(gold), as_dicts(turned), loader="dict"))


def test_any_common_step_is_an_overlap_where_nervaluate_asks_for_a_hundredth() -> None:
    gold, predicted = [[Span(0, 101, "PER")]], [[Span(100, 101, "PER")]]
    assert our_results(gold, predicted)["type"]["f1"] == 1.0
    assert nervaluate_results(as_dicts(gold), as_dicts(predicted), loader="dict")["type"]["f1"] == 0.0


def test_a_span_that_is_said_twice_is_right_once() -> None:
    span = Span(0, 2, "PER")
    assert match_spans([[span]], [[span, span]])["type"] == (1, 0, 0, 0, 1)


def test_records_do_not_meet() -> None:
    gold, predicted = [[Span(0, 2, "PER")], []], [[], [Span(0, 2, "PER")]]
    assert match_spans(gold, predicted)["partial"] == (0, 0, 0, 1, 1)


def test_without_spans_scores_are_zero() -> None:
    assert our_results([[], []], [[], []])["partial"] == dict.fromkeys(COUNTS + SCORES, 0)


def test_the_number_of_records_must_agree() -> None:
    with pytest.raises(DataError, match="predicted has 0 records; expected 1"):
        match_spans([[]], [])
