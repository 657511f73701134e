"""Partial credit for spans: SemEval-2013 task 9.1 (Segura-Bedmar et al. 2013), after the categories of MUC-5.

A predicted span is matched with at most one gold span that shares a step with it, and what they agree in decides:

    mode      correct                     incorrect                partial
    strict    same bounds, same type      the other matches        -
    exact     same bounds                 the other matches        -
    partial   same bounds                 -                        the other matches
    type      same type                   the other matches        -

Gold spans without a match are missed, predicted ones spurious. With `actual` the number of predicted spans and `possible` that
of gold ones, precision is (correct + partial / 2) / actual and recall (correct + partial / 2) / possible.

Spans that are identical are matched first. The rest of the predictions choose in order of start, end and type among the gold
spans that are left: first one with their bounds (in mode type one of their type, the nearest by its bounds), else the first
by the same order. Spans may be nested or overlap: the result does not depend on the order in which they come.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from seqlab.metrics.precision_recall import check_same_records
from seqlab.types import Span

PARTIAL_MODES = ("exact", "partial", "type")
Cost: TypeAlias = Callable[[Span, Span], tuple[int, int]]


class Matches(NamedTuple):
    """Numbers of spans of each kind."""

    correct: int
    incorrect: int
    partial: int
    missed: int
    spurious: int

    def scores(self) -> dict[str, float]:
        """Return `precision`, `recall` and `f1`, each 0.0 where nothing can be divided by."""
        found = self.correct + self.partial / 2
        n_matched = self.correct + self.incorrect + self.partial
        total = 2 * n_matched + self.missed + self.spurious
        return {
            "precision": found / max(1, n_matched + self.spurious),
            "recall": found / max(1, n_matched + self.missed),
            "f1": 2 * found / max(1, total),
        }


def match_spans(gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]) -> dict[str, Matches]:
    """Return the matches in modes `strict`, `exact`, `partial` and `type`, over all records together.

    Spans may be nested or overlap, and stand in any order.

    Raises:
        DataError: the number of records differs.
    """
    check_same_records(gold, predicted)
    n_identical = 0
    rest_of_gold: list[Span] = []
    rest_of_predicted: list[Span] = []
    shift = 0
    for spans, guesses in zip(gold, predicted, strict=True):
        counts, guessed = Counter(spans), Counter(guesses)
        n_identical += (counts & guessed).total()
        rest_of_gold += _moved(counts - guessed, shift)
        rest_of_predicted += _moved(guessed - counts, shift)
        shift += max((span.end for span in (*spans, *guesses)), default=0)
    return match_rest(rest_of_gold, rest_of_predicted, n_identical=n_identical)


def match_rest(gold: Sequence[Span], predicted: Sequence[Span], *, n_identical: int) -> dict[str, Matches]:
    """Return the matches of spans in one sequence, `n_identical` of which have been matched and taken out before."""
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


def _moved(spans: Counter[Span], shift: int) -> list[Span]:
    return [Span(span.start + shift, span.end + shift, span.label) for span in spans.elements()]


def _bounds_cost(gold: Span, predicted: Span) -> tuple[int, int]:
    return int((gold.start, gold.end) != (predicted.start, predicted.end)), 0


def _type_cost(gold: Span, predicted: Span) -> tuple[int, int]:
    if gold.label != predicted.label:
        return 1, 0
    return 0, abs(gold.start - predicted.start) + abs(gold.end - predicted.end)


def _pairs(gold: Sequence[Span], predicted: Sequence[Span], *, cost: Cost) -> list[tuple[Span, Span]]:
    """Return gold and predicted spans that are matched: each prediction in order takes the cheapest that is left."""
    gold, predicted = sorted(gold), sorted(predicted)
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
