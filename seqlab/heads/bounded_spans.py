"""Spans of predictions whose labels have bounds of their own."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress

from seqlab.heads.base import FoundSpans
from seqlab.types import Prediction, Span


def bounded_spans(prediction: Prediction) -> FoundSpans:
    """Return the spans with their confidences."""
    spans = zip(prediction.bounds or [], prediction.labels, prediction.confidences, strict=True)
    return [(Span(start, end, label), sure) for (start, end), label, sure in spans]


def keep_bounded_spans(prediction: Prediction, is_kept: Sequence[bool]) -> Prediction:
    """Return the prediction with the kept spans alone."""
    return replace(
        prediction,
        labels=list(compress(prediction.labels, is_kept)),
        confidences=list(compress(prediction.confidences, is_kept)),
        bounds=list(compress(prediction.bounds or [], is_kept)),
    )
