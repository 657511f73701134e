"""Labelled records, as a tagger returns them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

from seqlab.data.schemes import get_scheme
from seqlab.errors import ConfigError
from seqlab.heads.parts.layer import Layer
from seqlab.types import Prediction


@final
@dataclass(frozen=True, slots=True)
class LabelledSpan:
    """A labelled span from step `start` to `end` (exclusive).

    `confidence` is the probability of the span if the head knows it (CRF, HMM), otherwise that of its least confident tag.

    `text_start` and `text_end` (exclusive) count characters of the record's text. For records given as tokens they are None,
    and `text` joins the tokens with spaces.
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
    """A record with the predictions of each head."""

    tokens: list[str]
    """Empty for records without tokens, such as frames."""
    predictions: Mapping[str, Prediction]
    """By head."""
    layers: Mapping[str, Layer]
    """By head."""
    text: str | None = None
    offsets: Sequence[Sequence[int]] | None = None
    """Start and end (exclusive) of each token, in characters of `text`."""

    @property
    def spans(self) -> list[LabelledSpan]:
        """The spans of the only head that finds spans; empty if the model has no such head.

        Raises: ConfigError if several heads find spans.
        """
        found = self.spans_by_head
        if len(found) > 1:
            first = next(iter(found))
            raise ConfigError(
                f"several heads find spans: {', '.join(found)}; expected one for record.spans; "
                f"choose a head, as in record.spans_by_head[{first!r}]"
            )
        return next(iter(found.values()), [])

    @cached_property
    def spans_by_head(self) -> dict[str, list[LabelledSpan]]:
        """The spans of each head whose tags encode spans, or whose labels have bounds."""
        found: dict[str, list[LabelledSpan]] = {}
        for name, layer in self.layers.items():
            prediction = self.predictions[name]
            if layer.scheme:
                found[name] = self._spans(prediction, scheme=layer.scheme)
            elif prediction.bounds is not None:
                labelled = zip(prediction.bounds, prediction.labels, prediction.confidences, strict=True)
                found[name] = [self._span(*bounds, label, confidence=p) for bounds, label, p in labelled]
        return found

    def _spans(self, prediction: Prediction, *, scheme: str) -> list[LabelledSpan]:
        found = get_scheme(scheme).spans(prediction.labels)
        confident = zip(found, prediction.confidences_of(found), strict=True)
        return [self._span(start, end, label, confidence=p) for (start, end, label), p in confident]

    def _span(self, start: int, end: int, label: str, *, confidence: float) -> LabelledSpan:
        if self.text is None or self.offsets is None:
            return LabelledSpan(start, end, label, confidence, " ".join(self.tokens[start:end]), None, None)
        # From the text itself, so that whitespace between tokens stays as it was.
        text_start, text_end = self.offsets[start][0], self.offsets[end - 1][1]
        return LabelledSpan(start, end, label, confidence, self.text[text_start:text_end], text_start, text_end)
