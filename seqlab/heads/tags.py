"""Heads that give each step a tag: what they share, whatever finds the tags."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from seqlab.data.columns import Columns
from seqlab.data.fields import TagTargets
from seqlab.data.schemes import Scheme
from seqlab.errors import DataError
from seqlab.heads.base import FoundSpans, GoldSpans, Head
from seqlab.metrics import calibration_scores, span_scores, tag_accuracy
from seqlab.types import Prediction

OUTSIDE = "O"
"""The tag of a step outside all spans, in every scheme."""


class TagHead(Head):
    """One tag a step, however it is found."""

    target: TagTargets

    def __init__(self, *, target: TagTargets) -> None:
        super().__init__()
        self.target = target

    @property
    def main_metric(self) -> str:
        """Strict span F1 with a span scheme, else accuracy."""
        return "span_f1/strict" if self.target.span_scheme else "accuracy"

    def gold(self, columns: Columns) -> list[list[str]]:
        """Return each record's tags."""
        return columns.lists(self.target.column)

    def score(self, gold: Sequence[Sequence[str]], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return tag accuracy and, with a span scheme, precision, recall and F1 of spans.

        Of what is annotated in part: accuracy over the steps that are annotated, the rest over the records that are so in full.
        """
        of_steps = gold, [prediction.labels for prediction in predictions]
        is_open = self._is_open(gold)
        if any(is_open.values()):
            of_steps = self._annotated(*of_steps)
            full = [i for i, tags in enumerate(gold) if not any(is_open[tag] for tag in tags)]
            if self.finds_spans and not full:
                raise DataError(
                    f"column {self.target.column!r}: no record of the split is annotated in full, so spans cannot be scored; "
                    "give a split that is (data.splits.val, data.splits.test)"
                )
            gold, predictions = [gold[i] for i in full], [predictions[i] for i in full]
        predicted = [prediction.labels for prediction in predictions]
        scheme = self.target.span_scheme
        spans = span_scores(gold, predicted, scheme=scheme.name) if scheme else {}
        return {**spans, **tag_accuracy(*of_steps), **self._calibration(gold, predictions)}

    def _is_open(self, gold: Sequence[Sequence[str]]) -> dict[str, bool]:
        """Return of each gold tag whether it leaves open which tag is right."""
        return {tag: self.target.readings(tag) != [tag] for tag in set(chain.from_iterable(gold))}

    def _annotated(self, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> tuple[Any, Any]:
        """Return gold and predicted tags of the annotated steps; a prediction that may be right is taken to be."""
        kept: tuple[list[list[str]], list[list[str]]] = ([], [])
        for tags, guesses in zip(gold, predicted, strict=True):
            pairs = [(found, guess) for tag, guess in zip(tags, guesses, strict=True) if (found := self.target.readings(tag))]
            kept[0].append([guess if guess in found else found[0] for found, guess in pairs])
            kept[1].append([guess for _, guess in pairs])
        return kept

    def _calibration(self, gold: Sequence[Sequence[str]], predictions: Sequence[Prediction]) -> dict[str, float]:
        """Return how far confidences (of spans, else of tags) are from the share of them that is right; nothing without."""
        sure: list[float] = []
        is_right: list[bool] = []
        for tags, prediction in zip(gold, predictions, strict=True):
            if not prediction.confidences:
                continue
            if self.target.span_scheme is None:
                sure += prediction.confidences
                is_right += [tag == guess for tag, guess in zip(tags, prediction.labels, strict=True)]
                continue
            spans = self.target.span_scheme.spans(prediction.labels)
            right = set(self.target.span_scheme.spans(tags)) if spans else set()
            sure += prediction.sureness(spans)
            is_right += [span in right for span in spans]
        return calibration_scores(sure, is_right) if sure else {}

    @property
    def finds_spans(self) -> bool:
        """Whether its tags spell spans."""
        return self.target.span_scheme is not None

    def gold_spans(self, columns: Columns) -> list[GoldSpans | None]:
        """Return the spans that each record's tags spell."""
        gold = self.gold(columns)
        is_open = self._is_open(gold)
        return [None if any(is_open[tag] for tag in tags) else self._spans_of(tags) for tags in gold]

    def _spans_of(self, tags: Sequence[str]) -> GoldSpans:
        return {(span.start, span.end): span.label for span in self._scheme.spans(tags)}

    def found_spans(self, prediction: Prediction) -> FoundSpans:
        """Return the spans that the tags spell."""
        spans = self._scheme.spans(prediction.labels)
        return list(zip(spans, prediction.sureness(spans), strict=True))

    def keep_spans(self, prediction: Prediction, is_kept: Sequence[bool]) -> Prediction:
        """Return tags that spell the kept spans alone; where another was, with the probability that its tag is not right."""
        if all(is_kept):
            return prediction
        found = list(zip(self.found_spans(prediction), is_kept, strict=True))
        confidences = list(prediction.confidences)
        for (span, _), kept in found:
            if not kept:
                confidences[span.start : span.end] = [1 - p for p in confidences[span.start : span.end]]
        return replace(
            prediction,
            labels=self._scheme.encode([span for (span, _), kept in found if kept], n_steps=len(prediction.labels)),
            confidences=confidences,
            span_confidences=[sure for (_, sure), kept in found if kept],
        )

    @property
    def _scheme(self) -> Scheme:
        assert self.target.span_scheme is not None
        return self.target.span_scheme
