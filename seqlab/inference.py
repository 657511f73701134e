"""`Tagger`: a trained model at work on raw text, tokens or records."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import datasets
import torch

from seqlab.bundle import Bundle, load_bundle
from seqlab.data.batching import sorted_batches
from seqlab.data.encoding import EncodedRecords
from seqlab.data.fields import TagField
from seqlab.data.schemes import get_scheme
from seqlab.data.tokenization import tokenize
from seqlab.errors import DataError
from seqlab.labeler import Labeler
from seqlab.types import Prediction

MAX_TOKENS = 4096
"""Steps of a prediction batch: the CPU is fastest near here, and larger batches gain nothing."""


@dataclass(frozen=True, slots=True)
class LabelledSpan:
    """Steps `start` to `end` (exclusive) carry `label`; `confidence` is that of the least certain of their tags.

    `text_start` and `text_end` count characters of the record's text, None where the record came as tokens.
    """

    start: int
    end: int
    label: str
    confidence: float
    text: str
    text_start: int | None
    text_end: int | None


@dataclass(frozen=True)
class TaggedRecord:
    """A record with what each head says of it."""

    tokens: list[str]
    predictions: Mapping[str, Prediction]
    text: str | None = None
    offsets: list[tuple[int, int]] | None = None
    """Characters of each token in `text`, end exclusive."""
    spans: Mapping[str, list[LabelledSpan]] = field(default_factory=dict)
    """The spans of every head that tags with a span scheme."""


@final
class Tagger:
    """A loaded model. `heads` are its heads' names."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.heads = list(bundle.labeler.heads)

    @classmethod
    def load(cls, path: str | Path) -> "Tagger":
        """Return the model in a run folder or a bundle folder."""
        return cls(load_bundle(Path(path)))

    def predict(self, inputs: Sequence[str | Sequence[str]]) -> list[TaggedRecord]:
        """Return each input labelled: a string is tokenised (and keeps its character offsets), a list is tokens.

        Raises: DataError for an input that is neither.
        """
        texts = [item if isinstance(item, str) else None for item in inputs]
        offsets = [None if text is None else tokenize(text) for text in texts]
        tokens = [_tokens(item, place) for item, place in zip(inputs, offsets, strict=True)]
        predictions = self.predict_records(datasets.Dataset.from_dict({"tokens": tokens}, features=_TOKENS))
        return [
            self._tagged(tokens[i], {name: rows[i] for name, rows in predictions.items()}, texts[i], offsets[i])
            for i in range(len(tokens))
        ]

    def predict_records(self, records: datasets.Dataset) -> dict[str, list[Prediction]]:
        """Return each head's prediction for every record, in their order.

        Raises: DataError when the records lack a column that the model reads.
        """
        inputs = self._without_targets(records)
        return predict(self.bundle.labeler, self.bundle.fields.encode(inputs), max_tokens=MAX_TOKENS)

    def evaluate(self, records: datasets.Dataset) -> dict[str, Any]:
        """Return the nested scores of the records, as in a run's `metrics.json`: by head where there are several.

        Raises: DataError when the records have no column of any head.
        """
        encoded = self.bundle.fields.encode(records)
        predictions = predict(self.bundle.labeler, encoded, max_tokens=MAX_TOKENS)
        heads = {n: h for n, h in self.bundle.labeler.heads.items() if h.target.column in encoded.columns}
        if not heads:
            wanted = ", ".join(repr(head.target.column) for head in self.bundle.labeler.heads.values())
            raise DataError(f"the records have none of the columns that the heads learned ({wanted}); nothing to score")
        scores = {n: head.score(head.gold(encoded.columns), predictions[n]) for n, head in heads.items()}
        return next(iter(scores.values())) if len(self.heads) == 1 else scores

    def spans(self, name: str, tokens: Sequence[str], prediction: Prediction) -> list[LabelledSpan] | None:
        """Return the spans of head `name`'s tags, None where it tags without a span scheme."""
        return self._spans(name, list(tokens), prediction, None, None)

    def _without_targets(self, records: datasets.Dataset) -> datasets.Dataset:
        targets = {head.target.column for head in self.bundle.labeler.heads.values()}
        read = {f.column for f in self.bundle.fields} - targets
        missing = sorted(read - set(records.column_names))
        if missing:
            raise DataError(f"the records have no column {missing[0]!r}, which the model reads; they have {', '.join(records.column_names)}")
        return records.select_columns(sorted(read))

    def _tagged(
        self,
        tokens: list[str],
        predictions: Mapping[str, Prediction],
        text: str | None,
        offsets: list[tuple[int, int]] | None,
    ) -> TaggedRecord:
        spans = {n: self._spans(n, tokens, prediction, text, offsets) for n, prediction in predictions.items()}
        return TaggedRecord(tokens, predictions, text, offsets, {n: s for n, s in spans.items() if s is not None})

    def _spans(
        self,
        name: str,
        tokens: list[str],
        prediction: Prediction,
        text: str | None,
        offsets: list[tuple[int, int]] | None,
    ) -> list[LabelledSpan] | None:
        target = self.bundle.labeler.heads[name].target
        if not isinstance(target, TagField) or not target.scheme:
            return None
        found = []
        for start, end, label in get_scheme(target.scheme).spans(prediction.labels):
            place = (offsets[start][0], offsets[end - 1][1]) if offsets else (None, None)
            surface = text[place[0] : place[1]] if text is not None and offsets else " ".join(tokens[start:end])
            confidence = min(prediction.confidences[start:end])
            found.append(LabelledSpan(start, end, label, confidence, surface, *place))
        return found


_TOKENS = datasets.Features({"tokens": datasets.Sequence(datasets.Value("string"))})


def _tokens(item: object, offsets: Sequence[tuple[int, int]] | None) -> list[str]:
    if isinstance(item, str) and offsets is not None:
        return [item[start:end] for start, end in offsets]
    if isinstance(item, Sequence) and all(isinstance(token, str) for token in item):
        return list(item)
    raise DataError(f"input is {item!r:.80}; expected a string or a list of strings")


@torch.inference_mode()
def predict(
    labeler: Labeler, records: EncodedRecords, *, max_tokens: int, use_confidences: bool = True
) -> dict[str, list[Prediction]]:
    """Return each head's prediction for every record, in their order; batches of similar lengths keep it fast."""
    labeler.eval()
    device = next(labeler.parameters()).device
    batches = sorted_batches(records.lengths, max_tokens=max_tokens)
    outputs = [labeler.predict(records.batch(rows).to(device), use_confidences=use_confidences) for rows in batches]
    row_of = {int(row): i for i, row in enumerate(_rows(batches))}
    flat = {name: [p for output in outputs for p in output[name]] for name in labeler.heads}
    return {name: [items[row_of[row]] for row in range(len(records))] for name, items in flat.items()}


def _rows(batches: Sequence[Any]) -> Iterator[int]:
    for rows in batches:
        yield from rows.tolist()
