"""Label error rate and the closest of several right answers, against the recursion written down as it is."""

import json
import random
from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.errors import DataError
from seqlab.metrics import closest_references, label_error_rate

LABELS = st.lists(st.sampled_from("abc"), max_size=7)


def fewest_edits(gold: Sequence[str], predicted: Sequence[str]) -> tuple[int, int, int]:
    """Return substitutions, insertions and deletions of the best alignment: fewest edits, then most substitutions."""

    @cache
    def best(i: int, j: int) -> tuple[int, int, int, int]:
        # (edits, minus substitutions, insertions, deletions) of the first i gold and j predicted labels
        ways = [(0, 0, 0, 0)] if i == j == 0 else []
        if i and j:
            edits, substitutions, insertions, deletions = best(i - 1, j - 1)
            is_wrong = gold[i - 1] != predicted[j - 1]
            ways.append((edits + is_wrong, substitutions - is_wrong, insertions, deletions))
        if j:
            edits, substitutions, insertions, deletions = best(i, j - 1)
            ways.append((edits + 1, substitutions, insertions + 1, deletions))
        if i:
            edits, substitutions, insertions, deletions = best(i - 1, j)
            ways.append((edits + 1, substitutions, insertions, deletions + 1))
        return min(ways)

    _, substitutions, insertions, deletions = best(len(gold), len(predicted))
    return -substitutions, insertions, deletions


def expected_scores(pairs: list[tuple[Sequence[str], Sequence[str]]]) -> dict[str, float]:
    """Return what `label_error_rate` should, pair by pair."""
    edits = [fewest_edits(gold, predicted) for gold, predicted in pairs]
    n_gold = sum(len(gold) for gold, _ in pairs)
    return {
        "label_error_rate": sum(map(sum, edits)) / max(1, n_gold),
        "substitutions": sum(row[0] for row in edits),
        "insertions": sum(row[1] for row in edits),
        "deletions": sum(row[2] for row in edits),
        "sequence_error_rate": sum(any(row) for row in edits) / max(1, len(pairs)),
    }


@given(pairs=st.lists(st.tuples(LABELS, LABELS), max_size=6))
def test_label_error_rate_equals_the_recursion(pairs: list[tuple[list[str], list[str]]]) -> None:
    scores = label_error_rate([gold for gold, _ in pairs], [predicted for _, predicted in pairs])
    assert scores == pytest.approx(expected_scores(pairs))


def test_label_error_rate_over_several_batches() -> None:
    dice = random.Random(0)
    few = [tuple("".join(dice.choices("abcd", k=dice.randint(0, 12))) for _ in range(2)) for _ in range(20)]
    pairs = [dice.choice(few) for _ in range(3_000)] + [("abc" * 60, "abd" * 70)]
    scores = label_error_rate([gold for gold, _ in pairs], [predicted for _, predicted in pairs])
    assert scores == pytest.approx(expected_scores(pairs))


def test_label_error_rate_by_hand() -> None:
    scores = label_error_rate([list("kitten"), ["th", "ree"], []], [list("sitting"), ["th", "ree"], []])
    assert scores == {
        "label_error_rate": 3 / 8,
        "substitutions": 2,
        "insertions": 1,
        "deletions": 0,
        "sequence_error_rate": pytest.approx(1 / 3),
    }
    assert json.loads(json.dumps(scores)) == scores


def test_label_error_rate_of_nothing_is_zero() -> None:
    assert set(label_error_rate([], []).values()) == {0}
    assert set(label_error_rate([[]], [[]]).values()) == {0}


def test_label_error_rate_without_gold_labels_counts_insertions() -> None:
    scores = label_error_rate([[], []], [["a", "b"], []])
    assert (scores["label_error_rate"], scores["insertions"], scores["sequence_error_rate"]) == (2.0, 2, 0.5)


def test_label_error_rate_refuses_records_that_do_not_match() -> None:
    with pytest.raises(DataError, match="predicted has 2 records; expected 1"):
        label_error_rate([["a"]], [["a"], ["b"]])


@given(records=st.lists(st.tuples(st.lists(LABELS, min_size=1, max_size=4), LABELS), max_size=6))
def test_closest_references_equal_the_recursion(records: list[tuple[list[list[str]], list[str]]]) -> None:
    found = closest_references([answers for answers, _ in records], [predicted for _, predicted in records])
    assert found == [min(answers, key=lambda answer: sum(fewest_edits(answer, predicted))) for answers, predicted in records]


def test_closest_references_by_hand() -> None:
    references = [[list("abc"), list("abd")], [list("xyz")], [["th", "a"], ["th"], ["th", "b"]], [[], ["a"]]]
    predicted = [list("bd"), [], ["th", "c"], ["a"]]
    assert closest_references(references, predicted) == [list("abd"), list("xyz"), ["th", "a"], ["a"]]


def test_closest_references_of_nothing_are_none() -> None:
    assert closest_references([], []) == []
    assert closest_references([[[]]], [["a"]]) == [[]]


def test_closest_references_refuses_records_that_do_not_match() -> None:
    with pytest.raises(DataError, match="predicted has 0 records; expected 1"):
        closest_references([[["a"]]], [])
    with pytest.raises(DataError, match="record 1: no right answer; expected one at least"):
        closest_references([[["a"]], []], [["a"], ["b"]])
