"""Counts per record that add up to a score: what heads declare for significance tests over records (`Head.counted`)."""

from collections.abc import Callable, Sequence, Set
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from seqlab.data.fields import TagTargets
from seqlab.data.schemes import Scheme
from seqlab.metrics import closest_references, label_error_rate
from seqlab.metrics.significance import Score, f1, per_label, share
from seqlab.types import Prediction, Span

Counter: TypeAlias = Callable[[Any, Prediction], tuple[float, ...]]
"""Counts of a record from its gold labels and the prediction."""

SPAN_F1 = f1("span F1")
LABEL_F1 = f1("micro F1")
ACCURACY = share("accuracy")
LABEL_ERROR_RATE = per_label("label error rate")


class Counted(NamedTuple):
    """A score, and what each record adds to it."""

    score: Score
    counter: Counter


def tag_counts(target: TagTargets) -> list[Counted]:
    """Return the counts of tags, and first those of the spans that they encode."""
    scheme = target.span_scheme
    spans = [] if scheme is None else [Counted(SPAN_F1, _of_tagged_spans(scheme, target))]
    return [*spans, Counted(ACCURACY, _of_steps(target))]


def _of_tagged_spans(scheme: Scheme, target: TagTargets) -> Counter:
    """Count spans as `TokenHead.score` does: without partially annotated records."""

    @cache  # gold tags recur with every run, and predicted tags often equal them
    def spans(tags: tuple[str, ...]) -> frozenset[Span]:
        return frozenset(scheme.spans(tags, is_strict=True))

    def count(gold: Sequence[str], prediction: Prediction) -> tuple[float, ...]:
        if any(target.readings(tag) != [tag] for tag in set(gold)):
            return 0.0, 0.0, 0.0
        return overlap(spans(tuple(gold)), spans(tuple(prediction.labels)))

    return count


def _of_steps(target: TagTargets) -> Counter:
    """Count annotated steps; a tag that the annotation allows is correct."""

    def count(gold: Sequence[str], prediction: Prediction) -> tuple[float, ...]:
        pairs = [(target.readings(tag), guess) for tag, guess in zip(gold, prediction.labels, strict=True)]
        return sum(guess in found for found, guess in pairs), sum(bool(found) for found, _ in pairs)

    return count


def span_set_counts(gold: Sequence[Any], prediction: Prediction) -> tuple[float, ...]:
    """Count spans with bounds; those whose label is unknown are neither required nor wrong."""
    # bounds of a finished run come from JSON, as lists
    unlabelled = {tuple(bounds) for bounds, label in gold if label is None}
    right = {(*bounds, label) for bounds, label in gold if label is not None}
    found = {(*bounds, label) for bounds, label in zip(prediction.bounds or [], prediction.labels, strict=True)}
    return overlap(right, {span for span in found if span[:2] not in unlabelled})


def label_counts(gold: str | Sequence[str | None], prediction: Prediction) -> tuple[float, ...]:
    """Count the correct label of a record, or the correct labels of its segments that have a gold label."""
    labels = [gold] if isinstance(gold, str) else gold
    pairs = [(label, guess) for label, guess in zip(labels, prediction.labels, strict=True) if label is not None]
    return sum(label == guess for label, guess in pairs), len(pairs)


def label_set_counts(gold: Sequence[str], prediction: Prediction) -> tuple[float, ...]:
    """Count the labels of a set that are correct, predicted and gold."""
    return overlap(set(gold), set(prediction.labels))


def whole_set_counts(gold: Sequence[str], prediction: Prediction) -> tuple[float, ...]:
    """Count a set of labels that is correct as a whole."""
    return float(set(gold) == set(prediction.labels)), 1.0


def edit_counts(gold: Sequence[Sequence[str]], prediction: Prediction) -> tuple[float, ...]:
    """Count the edits between the labels and the closest correct answer, and the labels of that answer."""
    closest = closest_references([gold], [prediction.labels])
    scores = label_error_rate(closest, [prediction.labels])
    return sum(float(scores[kind]) for kind in ("substitutions", "insertions", "deletions")), len(closest[0])


def overlap(right: Set[Any], found: Set[Any]) -> tuple[float, ...]:
    """Return the counts for F1: correct, predicted and gold."""
    return len(right & found), len(found), len(right)
