"""What each record adds to a score, from a run's answers: all that tests over records need to know of it."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias, final

import numpy as np
from jaxtyping import Float

from seqlab.data.schemes import get_scheme
from seqlab.metrics import closest_references, label_error_rate
from seqlab.metrics.significance import Score, f1, per_label, share
from seqlab.runs.run import AnsweredRecord
from seqlab.types import Prediction, Span

Counter: TypeAlias = Callable[[Any, Prediction], tuple[float, ...]]
"""Counts of a record from what is right and what was said."""
Readings: TypeAlias = Callable[[str], list[str]]
"""The tags that may be right where one stands: itself, where records are annotated in full."""

SPAN_F1 = f1("span F1")
LABEL_F1 = f1("micro F1")
ACCURACY = share("accuracy")
LABEL_ERROR_RATE = per_label("label error rate")


@final
@dataclass(frozen=True)
class RecordCounts:
    """Counts of one score, a row for each record."""

    score: Score
    counts: Float[np.ndarray, "record count"]


def record_counts(
    answers: Sequence[AnsweredRecord], *, head: str, scores: Mapping[str, Any], readings: Readings = lambda tag: [tag]
) -> list[RecordCounts]:
    """Return the counts of each score of a head; `scores` are those of the run, by which the kind of head is known.

    Of a head of an unknown kind nothing is counted.
    """
    rows = [(record.gold[head], record.predictions[head]) for record in answers]
    return [
        RecordCounts(score, np.array([count(*row) for row in rows], dtype=np.float64).reshape(len(rows), -1))
        for score, count in _counters(scores, readings)
    ]


def _counters(scores: Mapping[str, Any], readings: Readings) -> list[tuple[Score, Counter]]:
    """Return the scores of a kind of head, the main one first."""
    if "per_tag" in scores:
        spans = [(SPAN_F1, _of_tagged_spans(scores["scheme"], readings))] if scores.get("scheme") else []
        return [*spans, (ACCURACY, _of_steps(readings))]
    if "label_error_rate" in scores:
        return [(LABEL_ERROR_RATE, _of_edits)]
    if "subset_accuracy" in scores:
        return [(LABEL_F1, _of_label_sets), (ACCURACY, _of_whole_sets)]
    if "span_f1" in scores:
        return [(SPAN_F1, _of_span_sets)]
    if "majority_accuracy" in scores:
        return [(ACCURACY, _of_labels)]
    return []


def _of_tagged_spans(scheme_name: str, readings: Readings) -> Counter:
    """As the head's own score: records that are annotated in part have no part in it."""
    scheme = get_scheme(scheme_name)

    @cache  # right tags come again with every run, and those predicted are often the right ones
    def spans(tags: tuple[str, ...]) -> frozenset[Span]:
        return frozenset(scheme.spans(tags, is_strict=True))

    def count(gold: Sequence[str], prediction: Prediction) -> tuple[float, ...]:
        if any(readings(tag) != [tag] for tag in set(gold)):
            return 0.0, 0.0, 0.0
        return _overlap(spans(tuple(gold)), spans(tuple(prediction.labels)))

    return count


def _of_steps(readings: Readings) -> Counter:
    """As the head's own score: steps that are not annotated have no part in it, and what may be right is right."""

    def count(gold: Sequence[str], prediction: Prediction) -> tuple[float, ...]:
        pairs = [(readings(tag), guess) for tag, guess in zip(gold, prediction.labels, strict=True)]
        return sum(guess in found for found, guess in pairs), sum(bool(found) for found, _ in pairs)

    return count


def _of_span_sets(gold: Sequence[Any], prediction: Prediction) -> tuple[float, ...]:
    """Spans whose label nobody knows are neither asked for nor wrong, as in the score of the head."""
    unlabelled = {tuple(bounds) for bounds, label in gold if label is None}
    right = {(*bounds, label) for bounds, label in gold if label is not None}
    found = {(*bounds, label) for bounds, label in zip(prediction.bounds or [], prediction.labels, strict=True)}
    return _overlap(right, {span for span in found if span[:2] not in unlabelled})


def _of_labels(gold: str | Sequence[str | None], prediction: Prediction) -> tuple[float, ...]:
    """The label of the record, or those of its segments that have one."""
    labels = [gold] if isinstance(gold, str) else gold
    pairs = [(label, guess) for label, guess in zip(labels, prediction.labels, strict=True) if label is not None]
    return sum(label == guess for label, guess in pairs), len(pairs)


def _of_label_sets(gold: Sequence[str], prediction: Prediction) -> tuple[float, ...]:
    return _overlap(set(gold), set(prediction.labels))


def _of_whole_sets(gold: Sequence[str], prediction: Prediction) -> tuple[float, ...]:
    return float(set(gold) == set(prediction.labels)), 1.0


def _of_edits(gold: Sequence[Sequence[str]], prediction: Prediction) -> tuple[float, ...]:
    closest = closest_references([gold], [prediction.labels])
    scores = label_error_rate(closest, [prediction.labels])
    return sum(float(scores[kind]) for kind in ("substitutions", "insertions", "deletions")), len(closest[0])


def _overlap(right: Set[Any], found: Set[Any]) -> tuple[float, ...]:
    return len(right & found), len(found), len(right)
