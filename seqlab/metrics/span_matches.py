"""Partial credit for spans: SemEval-2013 task 9.1 (Segura-Bedmar et al. 2013), after the categories of MUC-5.

A predicted span is matched with at most one overlapping gold span, and the match counts as follows:

    mode      correct                     incorrect                partial
    strict    same bounds, same type      the other matches        -
    exact     same bounds                 the other matches        -
    partial   same bounds                 -                        the other matches
    type      same type                   the other matches        -

Gold spans without a match are missed, predicted ones are spurious. Precision is (correct + partial / 2) / number of predicted
spans, and recall is (correct + partial / 2) / number of gold spans.

Identical spans are matched first. The other predictions are sorted by start, end and type, and each takes one of the remaining
gold spans: one with the same bounds (in mode type, one of the same type with the nearest bounds), else the first in the same
order. Spans may be nested or overlap; the result does not depend on their order.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from seqlab.metrics.precision_recall import check_same_records, per_label_scores
from seqlab.types import Span

PARTIAL_MODES = ("exact", "partial", "type")
Cost: TypeAlias = Callable[[Span, Span], tuple[int, int]]
_Place: TypeAlias = tuple[int, int, int, str]
"""Record, start, end and label."""


class Matches(NamedTuple):
    """Number of spans of each kind."""

    correct: int
    incorrect: int
    partial: int
    missed: int
    spurious: int

    def scores(self) -> dict[str, float]:
        """Return `precision`, `recall` and `f1`; 0 if the denominator is 0."""
        found = self.correct + self.partial / 2
        n_matched = self.correct + self.incorrect + self.partial
        total = 2 * n_matched + self.missed + self.spurious
        return {
            "precision": found / max(1, n_matched + self.spurious),
            "recall": found / max(1, n_matched + self.missed),
            "f1": 2 * found / max(1, total),
        }


def match_spans(gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]) -> dict[str, Matches]:
    """Return the matches in modes `strict`, `exact`, `partial` and `type` over all records.

    Raises:
        DataError: the numbers of records differ.

    Example:
        >>> match_spans([[Span(0, 3, "ORG")]], [[Span(0, 2, "ORG")]])["partial"]
        Matches(correct=0, incorrect=0, partial=1, missed=0, spurious=0)
    """
    check_same_records(gold, predicted)
    n_identical = 0
    rest_of_gold: list[Span] = []
    rest_of_predicted: list[Span] = []
    shift = 0  # puts all records into one sequence, so that spans of different records do not overlap
    for spans, guesses in zip(gold, predicted, strict=True):
        counts, guessed = Counter(spans), Counter(guesses)
        n_identical += (counts & guessed).total()
        rest_of_gold += _moved(counts - guessed, shift)
        rest_of_predicted += _moved(guessed - counts, shift)
        shift += max((span.end for span in (*spans, *guesses)), default=0)
    return match_rest(rest_of_gold, rest_of_predicted, n_identical=n_identical)


def match_rest(gold: Sequence[Span], predicted: Sequence[Span], *, n_identical: int) -> dict[str, Matches]:
    """Return the matches of spans in one sequence, from which `n_identical` identical ones were removed."""
    by_bounds = _pairs(gold, predicted, cost=_bounds_cost)
    by_type = _pairs(gold, predicted, cost=_type_cost)
    n_same_bounds = n_identical + sum(_bounds_cost(*pair) == (0, 0) for pair in by_bounds)
    n_same_type = n_identical + sum(one.label == other.label for one, other in by_type)
    n_bounds, n_type = n_identical + len(by_bounds), n_identical + len(by_type)
    n_gold, n_predicted = n_identical + len(gold), n_identical + len(predicted)
    return {
        "strict": Matches(n_identical, n_bounds - n_identical, 0, n_gold - n_bounds, n_predicted - n_bounds),
        "exact": Matches(n_same_bounds, n_bounds - n_same_bounds, 0, n_gold - n_bounds, n_predicted - n_bounds),
        "partial": Matches(n_same_bounds, 0, n_bounds - n_same_bounds, n_gold - n_bounds, n_predicted - n_bounds),
        "type": Matches(n_same_type, n_type - n_same_type, 0, n_gold - n_type, n_predicted - n_type),
    }


def by_metric(scores: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return the scores of each mode as `span_f1`, `precision` and `recall` by mode."""
    names = {"span_f1": "f1", "precision": "precision", "recall": "recall"}
    return {name: {mode: score[key] for mode, score in scores.items()} for name, key in names.items()}


def _moved(spans: Counter[Span], shift: int) -> list[Span]:
    return [Span(span.start + shift, span.end + shift, span.label) for span in spans.elements()]


def _bounds_cost(gold: Span, predicted: Span) -> tuple[int, int]:
    return int((gold.start, gold.end) != (predicted.start, predicted.end)), 0


def _type_cost(gold: Span, predicted: Span) -> tuple[int, int]:
    if gold.label != predicted.label:
        return 1, 0
    return 0, abs(gold.start - predicted.start) + abs(gold.end - predicted.end)


def _pairs(gold: Sequence[Span], predicted: Sequence[Span], *, cost: Cost) -> list[tuple[Span, Span]]:
    """Return the pairs of matched spans: each prediction, in order, takes the remaining gold span of the lowest cost."""
    gold, predicted = sorted(gold), sorted(predicted)
    # The gold spans that may overlap a prediction lie between the first that reaches beyond its start (running maximum of the
    # ends, as spans may be nested) and the first that starts at or after its end.
    reach = np.maximum.accumulate(np.array([span.end for span in gold], dtype=np.int64))
    firsts = np.searchsorted(reach, [span.start for span in predicted], side="right").tolist()
    lasts = np.searchsorted([span.start for span in gold], [span.end for span in predicted], side="left").tolist()
    is_free = [True] * len(gold)
    pairs = []
    for guess, first, last in zip(predicted, firsts, lasts, strict=True):
        near = [i for i in range(first, last) if is_free[i] and gold[i].end > guess.start]
        if near:
            chosen = min(near, key=lambda i: cost(gold[i], guess))
            is_free[chosen] = False
            pairs.append((gold[chosen], guess))
    return pairs


def span_set_scores(gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]) -> dict[str, Any]:
    """Return the scores of sets of spans over all records (micro).

    `span_f1`, `precision` and `recall` have the modes `strict` (equal start, end and label), `exact`, `partial` and `type`,
    with `matches` and `support` as in `span_scores`. `per_type` has the strict scores of each label. `inner_spans` has the
    precision of predicted spans within a longer predicted span, the recall of gold spans within a longer gold span, and their
    F1. A span that a record has twice counts once. Scores with denominator 0 are 0.

    Raises:
        DataError: the numbers of records differ.

    Example:
        >>> gold, predicted = [[Span(0, 3, "ORG"), Span(1, 2, "LOC")]], [[Span(0, 3, "ORG"), Span(1, 2, "PER")]]
        >>> scores = span_set_scores(gold, predicted)
        >>> scores["span_f1"]["strict"], scores["span_f1"]["exact"], scores["inner_spans"]["recall"]
        (0.5, 1.0, 0.0)
    """
    check_same_records(gold, predicted)
    # sets: a span counts once, however often a record has it
    in_gold, in_predicted = ({(row, *span) for row, spans in enumerate(side) for span in spans} for side in (gold, predicted))
    right = in_gold & in_predicted
    inner = [{(row, *span) for row, spans in enumerate(side) for span in _inner(spans)} for side in (gold, predicted)]
    matches = match_spans(*([list(set(spans)) for spans in side] for side in (gold, predicted)))
    scores = {mode: found.scores() for mode, found in matches.items()}
    n_correct, n_predicted, n_gold = (Counter(label for *_, label in part) for part in (right, in_predicted, in_gold))
    return {
        **by_metric(scores),
        "support": dict.fromkeys(scores, len(in_gold)),
        "matches": {mode: matches[mode]._asdict() for mode in PARTIAL_MODES},
        "inner_spans": _inner_scores(*inner, right=right),
        "per_type": per_label_scores(correct=n_correct, predicted=n_predicted, gold=n_gold),
    }


def _inner_scores(gold: set[_Place], predicted: set[_Place], *, right: set[_Place]) -> dict[str, int | float]:
    recall, precision = (len(side & right) / len(side) if side else 0.0 for side in (gold, predicted))
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "support": len(gold)}


def _inner(spans: Sequence[Span]) -> list[Span]:
    """Return the spans that lie within a longer one."""
    bounds = {(span.start, span.end) for span in spans}
    return [one for one in spans if any(a <= one.start and one.end <= b and b - a > one.end - one.start for a, b in bounds)]
