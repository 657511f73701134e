"""Precision, recall and F1 of nested spans, which tags cannot encode."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

from seqlab.metrics.precision_recall import check_same_records, per_label_scores
from seqlab.metrics.span_matches import PARTIAL_MODES, match_spans
from seqlab.types import Span

Place: TypeAlias = tuple[int, int, int, str]
"""Record, start, end and label."""


def span_set_scores(gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]) -> dict[str, Any]:
    """Return the scores of sets of spans over all records (micro).

    `span_f1`, `precision` and `recall` have the modes `strict` (equal start, end and label), `exact`, `partial` and `type`,
    with `matches` and `support` as in `span_scores`. `per_type` has the strict scores of each label. `inner_spans` has the
    precision of predicted spans within a longer predicted span, the recall of gold spans within a longer gold span, and their
    F1. A span that a record has twice counts once. Scores with denominator 0 are 0.

    Raises:
        DataError: the numbers of records differ.
    """
    check_same_records(gold, predicted)
    found = [{(row, *span) for row, spans in enumerate(side) for span in spans} for side in (gold, predicted)]
    inner = [{(row, *span) for row, spans in enumerate(side) for span in _inner(spans)} for side in (gold, predicted)]
    right = found[0] & found[1]
    matches = match_spans(*([list(set(spans)) for spans in side] for side in (gold, predicted)))
    scores = {mode: found_matches.scores() for mode, found_matches in matches.items()}
    return {
        "span_f1": {mode: score["f1"] for mode, score in scores.items()},
        "precision": {mode: score["precision"] for mode, score in scores.items()},
        "recall": {mode: score["recall"] for mode, score in scores.items()},
        "support": dict.fromkeys(scores, len(found[0])),
        "matches": {mode: matches[mode]._asdict() for mode in PARTIAL_MODES},
        "inner_spans": _inner_scores(inner[0], inner[1], right=right),
        "per_type": _per_type(*found),
    }


def _per_type(gold: set[Place], predicted: set[Place]) -> dict[str, dict[str, int | float]]:
    n_correct, n_predicted, n_gold = (Counter(span[3] for span in part) for part in (gold & predicted, predicted, gold))
    return per_label_scores(correct=n_correct, predicted=n_predicted, gold=n_gold)


def _inner_scores(gold: set[Place], predicted: set[Place], *, right: set[Place]) -> dict[str, int | float]:
    recall, precision = (len(side & right) / len(side) if side else 0.0 for side in (gold, predicted))
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "support": len(gold)}


def _inner(spans: Sequence[Span]) -> list[Span]:
    return [span for span in spans if any(_is_within(span, other) for other in spans)]


def _is_within(span: Span, other: Span) -> bool:
    return other.start <= span.start and span.end <= other.end and other.end - other.start > span.end - span.start
