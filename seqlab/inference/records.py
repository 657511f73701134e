"""What a tagger hands back: records with the labels, confidences and spans that the heads gave them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

from seqlab.data.schemes import get_scheme
from seqlab.heads.parts.layer import Layer
from seqlab.types import Prediction


@final
@dataclass(frozen=True, slots=True)
class LabelledSpan:
    """Steps `start` to `end` (exclusive) carry `label`.

    `confidence` is the probability of the span where the head knows it (CRF, HMM), else that of the least certain of its tags.

    `text_start` and `text_end` (exclusive) count characters of the record's text, None where the record came as tokens;
    `text` is then the tokens with a space between them.
    """

    start: int
    end: int
    label: str
    confidence: float
    text: str
    text_start: int | None
    text_end: int | None


@final
@dataclass(frozen=True)
class TaggedRecord:
    """A record with what each head says of it."""

    tokens: list[str]
    """Empty where the record has none, as records of frames."""
    predictions: Mapping[str, Prediction]
    """By head."""
    layers: Mapping[str, Layer]
    """By head."""
    text: str | None = None
    offsets: Sequence[Sequence[int]] | None = None
    """Start and end (exclusive) of each token, in characters of `text`."""

    @cached_property
    def spans(self) -> dict[str, list[LabelledSpan]]:
        """The spans of every head that tags with a span scheme, or whose labels belong to stretches of steps."""
        found: dict[str, list[LabelledSpan]] = {}
        for name, layer in self.layers.items():
            prediction = self.predictions[name]
            if layer.scheme:
                found[name] = self._spans(prediction, scheme=layer.scheme)
            elif prediction.bounds is not None:
                labelled = zip(prediction.bounds, prediction.labels, prediction.confidences, strict=True)
                found[name] = [self._span(start, end, label, confidence=sure) for (start, end), label, sure in labelled]
        return found

    def _spans(self, prediction: Prediction, *, scheme: str) -> list[LabelledSpan]:
        if all(label == "O" for label in prediction.labels):
            return []
        found = get_scheme(scheme).spans(prediction.labels)
        sure = zip(found, prediction.sureness(found), strict=True)
        return [self._span(start, end, label, confidence=p) for (start, end, label), p in sure]

    def _span(self, start: int, end: int, label: str, *, confidence: float) -> LabelledSpan:
        if self.text is None or self.offsets is None:
            return LabelledSpan(start, end, label, confidence, " ".join(self.tokens[start:end]), None, None)
        text_start, text_end = self.offsets[start][0], self.offsets[end - 1][1]
        return LabelledSpan(start, end, label, confidence, self.text[text_start:text_end], text_start, text_end)
