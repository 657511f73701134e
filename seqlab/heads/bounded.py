"""Heads whose labels are of stretches of steps, each with bounds of its own."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress

from seqlab.heads.base import FoundSpans, Head
from seqlab.types import Prediction, Span


class BoundedHead(Head):
    """Labels with `Prediction.bounds`: each is a span."""

    @property
    def finds_spans(self) -> bool:
        """True."""
        return True

    def found_spans(self, prediction: Prediction) -> FoundSpans:
        """Return the labelled stretches."""
        return list(zip(spans_of(prediction), prediction.confidences, strict=True))

    def keep_spans(self, prediction: Prediction, is_kept: Sequence[bool]) -> Prediction:
        """Return the kept stretches alone."""
        return replace(
            prediction,
            labels=list(compress(prediction.labels, is_kept)),
            confidences=list(compress(prediction.confidences, is_kept)),
            bounds=list(compress(prediction.bounds or [], is_kept)),
        )


def spans_of(prediction: Prediction) -> list[Span]:
    """Return the spans that labels and bounds are."""
    return [Span(start, end, label) for (start, end), label in zip(prediction.bounds or [], prediction.labels, strict=True)]
