"""Write labelled records to a stream, as JSON objects or CoNLL lines."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from io import TextIOBase
from typing import Any, final

from seqlab.data.atomic_write import to_json
from seqlab.errors import ConfigError, DataError
from seqlab.heads.parts.layer import Layer
from seqlab.inference.conll import DOCUMENT
from seqlab.inference.inputs import Chunk, Record
from seqlab.inference.records import LabelledSpan, TaggedRecord
from seqlab.types import Prediction

N_DECIMALS = 6
"""Digits of probabilities; single precision has no more."""
NO_LABEL = "_"
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What no CoNLL column may hold: programs would read another line or column, or a terminal would obey it."""


class OutputFormat(ABC):
    """Writes labelled records."""

    @abstractmethod
    def write(self, chunk: Chunk, tagged: Sequence[TaggedRecord]) -> None:
        """Write the records of one chunk with their labels."""


@final
class JsonlOutput(OutputFormat):
    """One object per record: the keys of the input, tokens (with offsets if there is text) and `predictions` by head.

    Args:
        stream: Where to write.
    """

    def __init__(self, stream: TextIOBase) -> None:
        self.stream = stream

    def write(self, chunk: Chunk, tagged: Sequence[TaggedRecord]) -> None:
        """Write a line for each record."""
        pairs = zip(chunk.rows or chunk.records, tagged, strict=True)
        self.stream.write("".join(f"{to_json(json_record(source, record))}\n" for source, record in pairs))


def json_record(source: Record, record: TaggedRecord) -> dict[str, Any]:
    """Return the JSON object for a labelled record; `source` is its input."""
    content = {key: value for key, value in source.items() if key not in ("tokens", "offsets", "predictions")}
    if record.text is not None:
        content.setdefault("text", record.text)
    if "tokens" in source or record.text is not None:
        # without tokens that the model reads, those of the input are passed on
        content["tokens"] = record.tokens or source.get("tokens") or []
    if record.offsets is not None:
        content["offsets"] = record.offsets
    content["predictions"] = {
        name: _prediction(prediction, record.spans_by_head.get(name)) for name, prediction in record.predictions.items()
    }
    return content


def _prediction(prediction: Prediction, spans: Sequence[LabelledSpan] | None) -> dict[str, Any]:
    known = {
        "labels": prediction.labels,
        "confidences": [round(confidence, N_DECIMALS) for confidence in prediction.confidences],
        "value": None if prediction.value is None else round(prediction.value, N_DECIMALS),
        "spans": None if spans is None else [_span(span) for span in spans],
        "entropy": None if prediction.entropy is None else round(prediction.entropy, N_DECIMALS),
    }
    content = {name: value for name, value in known.items() if value is not None}
    if prediction.alternatives is not None:
        ranked = prediction.alternatives
        content["n_best"] = [{"labels": one.labels, "probability": round(one.probability, N_DECIMALS)} for one in ranked]
    return content


def _span(span: LabelledSpan) -> dict[str, Any]:
    content: dict[str, Any] = {"start": span.start, "end": span.end, "label": span.label, "text": span.text}
    if span.text_start is not None:
        content |= {"text_start": span.text_start, "text_end": span.text_end}
    return {**content, "confidence": round(span.confidence, N_DECIMALS)}


@final
class ConllOutput(OutputFormat):
    """The lines of a CoNLL input with a last column for each token head; for other inputs, a line per token or frame.

    The line of a frame begins with its numbers.

    Args:
        stream: Where to write.
        layers: The model's heads, as in `Tagger.layers`.

    Raises: ConfigError if no head labels tokens.
    """

    def __init__(self, stream: TextIOBase, *, layers: Mapping[str, Layer]) -> None:
        self.stream = stream
        self.heads = [name for name, layer in layers.items() if layer.is_per_step]
        if not self.heads:
            names = ", ".join(layers)
            raise ConfigError(f"--to conll needs a head that labels tokens, but {names} labels records or segments; use jsonl")

    def write(self, chunk: Chunk, tagged: Sequence[TaggedRecord]) -> None:
        """Write each line of the input, or a line for each token."""
        lines = self._given_lines(chunk, tagged) if chunk.lines else self._step_lines(chunk, tagged)
        self.stream.write("".join(lines))

    def _given_lines(self, chunk: Chunk, tagged: Sequence[TaggedRecord]) -> Iterator[str]:
        rows = (row for record in tagged for row in self._rows(record, separator=chunk.separator))
        # Lines that stand for several words or none, such as ranges in CoNLL-U.
        others = [NO_LABEL] * len(self.heads)
        for line in chunk.lines:
            # The words of all records in order are the token lines in order, so one iterator serves both.
            labels = next(rows) if line.is_token else others if line.has_columns else []
            yield chunk.separator.join([line.text, *labels]) + line.end

    def _step_lines(self, chunk: Chunk, tagged: Sequence[TaggedRecord]) -> Iterator[str]:
        for source, record in zip(chunk.records, tagged, strict=True):
            rows = list(self._rows(record, separator="\t"))
            # A record without tokens that the model reads, as of weather, has only frames.
            steps = _frame_cells(source, n_steps=len(rows)) if rows and not record.tokens else map(_token_cell, record.tokens)
            for cell, row in zip(steps, rows, strict=True):
                yield "\t".join([cell, *row]) + "\n"
            yield "\n"

    def _rows(self, record: TaggedRecord, *, separator: str) -> Iterator[tuple[str, ...]]:
        for name in self.heads:
            # A set, because a record repeats few labels many times.
            for label in set(record.predictions[name].labels):
                _check_column(f"label {label!r:.80} of head {name}", label, separator=separator)
        return zip(*(record.predictions[name].labels for name in self.heads), strict=True)


def _token_cell(token: str) -> str:
    _check_column(f"token {token!r:.80}", token, separator="\t")
    if token.startswith(DOCUMENT):
        raise DataError(f"token {token!r:.80} would start a document in CoNLL; use --to jsonl")
    return token


def _frame_cells(source: Record, *, n_steps: int) -> list[str]:
    """Return the columns of each frame."""
    frames = source.get("frames") or ()
    if len(frames) != n_steps:
        raise DataError("--to conll writes a line per token or frame, and the record has neither; use --to jsonl")
    return ["\t".join(map(str, frame)) for frame in frames]


def _check_column(said: str, text: str, *, separator: str) -> None:
    """Raise DataError for text that would not be read back as one column; `said` describes it."""
    if not text or separator in text or _BREAKS.search(text):
        raise DataError(f"{said} does not fit in a CoNLL column; use --to jsonl")
