"""The spans in the labels of a head: gold spans, predicted spans, and predictions without some of them."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import compress
from typing import TypeAlias, final

from seqlab.data.columns import Columns
from seqlab.data.fields import TagTargets
from seqlab.data.schemes import Scheme
from seqlab.data.schemes.partial import open_tags
from seqlab.types import Prediction, Span

GoldSpans: TypeAlias = Sequence[tuple[tuple[int, int], str | None]]
"""Bounds and label of each span of a record; several may have the same bounds. The label is None if it is unknown."""
FoundSpans: TypeAlias = Sequence[tuple[Span, float]]
"""Spans of a record with their confidences."""


LEFT_OUT = "_"
"""The label of a given segment whose own label is removed."""


class SpanView(ABC):
    """The spans in the targets and the predictions of a head."""

    labels: Sequence[str]
    """Labels that its spans may have."""

    @abstractmethod
    def gold(self, columns: Columns) -> list[GoldSpans | None]:
        """Return the gold spans of each record; None for a partially annotated one."""

    @abstractmethod
    def found(self, prediction: Prediction) -> FoundSpans:
        """Return the spans of a prediction that has confidences."""

    def judge(self, gold: GoldSpans, found: FoundSpans) -> list[bool | None]:
        """Return whether each predicted span is one of `gold`; None if its gold label is unknown."""
        spans, unknown = set(gold), {bounds for bounds, label in gold if label is None}
        places = (((span.start, span.end), span.label) for span, _ in found)
        return [None if bounds in unknown else (bounds, label) in spans for bounds, label in places]

    @abstractmethod
    def keep(self, prediction: Prediction, is_kept: Sequence[bool]) -> Prediction:
        """Return the prediction with only the kept spans of `found`; alternatives do not change.

        Given steps and segments still have one label each.
        """


@final
class TagSpans(SpanView):
    """The spans that tags encode in `scheme`."""

    def __init__(self, target: TagTargets, scheme: Scheme) -> None:
        self.labels = list(dict.fromkeys(span.label for tag in target.tags for span in scheme.spans([tag])))
        self._target = target
        self.scheme = scheme

    def gold(self, columns: Columns) -> list[GoldSpans | None]:
        """Return the spans of each record's tags."""
        rows = self._target.gold(columns)
        # tags that are open cannot be decoded into spans
        left_open = open_tags(rows, self._target.readings)
        return [
            [((span.start, span.end), span.label) for span in self.scheme.spans(tags)] if left_open.isdisjoint(tags) else None
            for tags in rows
        ]

    def found(self, prediction: Prediction) -> FoundSpans:
        """Return the spans of the tags."""
        spans = self.scheme.spans(prediction.labels)
        return list(zip(spans, prediction.confidences_of(spans), strict=True))

    def keep(self, prediction: Prediction, is_kept: Sequence[bool]) -> Prediction:
        """Return the tags of the kept spans; the confidence of a removed span's steps becomes that of a wrong tag, 1 - p."""
        # tags that break the scheme would change if they were decoded and encoded again
        if all(is_kept):
            return prediction
        found, confidences = self.found(prediction), list(prediction.confidences)
        for (span, _), kept in zip(found, is_kept, strict=True):
            if not kept:
                confidences[span.start : span.end] = [1 - p for p in confidences[span.start : span.end]]
        left = list(compress(found, is_kept))
        labels = self.scheme.encode([span for span, _ in left], n_steps=len(prediction.labels))
        return replace(prediction, labels=labels, confidences=confidences, span_confidences=[p for _, p in left])


class BoundedSpans(SpanView):
    """Spans with bounds of their own (`Prediction.bounds`); `read_gold` returns the gold ones."""

    def __init__(self, labels: Sequence[str], read_gold: Callable[[Columns], Iterable[GoldSpans]]) -> None:
        self.labels = labels
        self._read_gold = read_gold

    def gold(self, columns: Columns) -> list[GoldSpans | None]:
        """Return the spans of each record."""
        return [*self._read_gold(columns)]

    def found(self, prediction: Prediction) -> FoundSpans:
        """Return the labelled spans."""
        return list(zip(spans_of(prediction), prediction.confidences, strict=True))


@final
class PredictedSpans(BoundedSpans):
    """Spans that the head predicted: those not kept are dropped."""

    def keep(self, prediction: Prediction, is_kept: Sequence[bool]) -> Prediction:
        """Return only the kept spans."""
        return replace(
            prediction,
            labels=list(compress(prediction.labels, is_kept)),
            confidences=list(compress(prediction.confidences, is_kept)),
            bounds=list(compress(prediction.bounds or [], is_kept)),
        )


@final
class GivenSegments(BoundedSpans):
    """Segments that are part of the input: each keeps its place, with or without its label."""

    def judge(self, gold: GoldSpans, found: FoundSpans) -> list[bool | None]:
        """Return whether each segment has its own label, even if another has the same bounds."""
        # by position, not by bounds, because segments may share them
        pairs = zip(gold, found, strict=True)
        return [None if label is None else label == span.label for (_, label), (span, _) in pairs]

    def keep(self, prediction: Prediction, is_kept: Sequence[bool]) -> Prediction:
        """Return `LEFT_OUT` in place of removed labels, with the probability 1 - p that the label was wrong."""
        pairs = list(zip(prediction.labels, prediction.confidences, is_kept, strict=True))
        return replace(
            prediction,
            labels=[label if kept else LEFT_OUT for label, _, kept in pairs],
            confidences=[p if kept else 1 - p for _, p, kept in pairs],
        )


def count_labels(gold: Iterable[GoldSpans]) -> Counter[str]:
    """Return the number of gold spans of each label."""
    return Counter(label for spans in gold for _, label in spans if label is not None)


def spans_of(prediction: Prediction) -> list[Span]:
    """Return the labels of a prediction with their bounds, as spans."""
    return [Span(start, end, label) for (start, end), label in zip(prediction.bounds or [], prediction.labels, strict=True)]
