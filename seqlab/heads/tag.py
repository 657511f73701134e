"""Heads that give each step a tag: what they share, whatever finds the tags."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqlab.data.batch import EncodedRecords
from seqlab.data.columns import Columns
from seqlab.data.fields import TagTargets
from seqlab.data.schemes.partial import open_tags
from seqlab.errors import DataError
from seqlab.heads.base import Head
from seqlab.heads.parts.span_views import TagSpans
from seqlab.metrics import calibration_scores, span_scores, tag_accuracy
from seqlab.types import Prediction

OUTSIDE = "O"
"""The tag of a step outside all spans, in every scheme."""


class TagHead(Head):
    """One tag a step, however it is found."""

    target: TagTargets
    is_per_step = True

    def __init__(self, *, target: TagTargets) -> None:
        super().__init__()
        self.target = target

    @property
    def is_of_record_steps(self) -> bool:
        """As its target says."""
        return self.target.is_of_record_steps

    def check_records(self, records: EncodedRecords, *, split: str, is_taught: bool) -> None:
        """Refuse records that are to be scored, but whose spans cannot be, for none is annotated in full.

        Raises: DataError.
        """
        if is_taught or self.target.span_scheme is None:
            return
        strings = records.columns.strings(self.target.column)
        is_open = np.asarray([self.target.readings(tag) != [tag] for tag in strings.distinct], dtype=bool)
        if not is_open.any():
            return
        n_open = np.cumsum([0, *is_open[strings.codes.values]])
        if (np.diff(n_open[strings.codes.offsets]) > 0).all():
            raise self._no_full_record(split)

    def _no_full_record(self, split: str) -> DataError:
        return DataError(
            f"column {self.target.column!r}: no record of {split} is annotated in full, so spans cannot be scored; "
            "give a split that is (data.splits.val, data.splits.test)"
        )

    @property
    def main_metric(self) -> str:
        """Strict span F1 with a span scheme, else accuracy."""
        return "span_f1/strict" if self.target.span_scheme else "accuracy"

    def gold(self, columns: Columns) -> list[list[str]]:
        """Return each record's tags."""
        return self.target.gold(columns)

    def score(self, gold: Sequence[Sequence[str]], predictions: Sequence[Prediction]) -> dict[str, Any]:
        """Return tag accuracy and, with a span scheme, precision, recall and F1 of spans.

        Of what is annotated in part: accuracy over the steps that are annotated, the rest over the records that are so in full.
        """
        of_steps = gold, [prediction.labels for prediction in predictions]
        left_open = open_tags(gold, self.target.readings)
        if left_open:
            of_steps = self._annotated(*of_steps)
            full = [i for i, tags in enumerate(gold) if left_open.isdisjoint(tags)]
            if self.target.span_scheme and not full:
                raise self._no_full_record("the split")
            gold, predictions = [gold[i] for i in full], [predictions[i] for i in full]
        predicted = [prediction.labels for prediction in predictions]
        scheme = self.target.span_scheme
        spans = span_scores(gold, predicted, scheme=scheme.name) if scheme else {}
        return {**spans, **tag_accuracy(*of_steps), **self._calibration(gold, predictions)}

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
    def spans(self) -> TagSpans | None:
        """The spans that its tags spell; None without a scheme."""
        scheme = self.target.span_scheme
        return None if scheme is None else TagSpans(self.target, scheme)
