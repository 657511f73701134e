"""Prodigy: JSON lines with tokens, spans, and the answer of the annotator."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from seqlab.data.annotations.documents import objects, value_of
from seqlab.data.annotations.marks import Mark, Row, marked, marks_of
from seqlab.data.atomic_write import to_json
from seqlab.data.readers.source import Source
from seqlab.types import Span

log = logging.getLogger(__name__)


def read(source: Source, unit: str) -> Iterator[Row]:
    """Yield the line and the record of each accepted text; how many were rejected or ignored is logged."""
    n_left_out = 0
    for line, row in objects(source):
        if row.get("answer", "accept") != "accept":
            n_left_out += 1
            continue
        with source.skipping(line):
            text = value_of(row, "text", expected=str)
            choices = value_of(row, "accept", expected=list, default=None)
            label = row.get("label") if choices is None else choices[0] if len(choices) == 1 else choices
            others = {"label": label} if label else {}
            if label and "spans" not in row:
                yield line, {"text": text, **others}
                continue
            spans = value_of(row, "spans", expected=list, default=[])
            marks = [Mark(*_bounds(one), value_of(one, "label", expected=str)) for one in spans]
            tokens = value_of(row, "tokens", expected=list, default=None)
            offsets = None if tokens is None else list(map(_bounds, tokens))
            yield line, marked(text, marks, offsets=offsets, **others)
    if n_left_out:
        log.warning("%s: %d texts were rejected or ignored, and are left out", source.path, n_left_out)


def _bounds(node: Any) -> tuple[int, int]:
    return value_of(node, "start", expected=int), value_of(node, "end", expected=int)


def write(records: Iterable[Any]) -> Iterator[str]:
    """Yield a line for each record, with its tokens."""
    for record in records:
        text, offsets = record["text"], record["offsets"]
        tokens = [
            {"text": text[start:end], "start": start, "end": end, "id": number, "ws": text[end : end + 1] == " "}
            for number, (start, end) in enumerate(offsets)
        ]
        segments = [Span(**one) for one in record.get("segments") or ()]
        spans = [
            {"start": mark.start, "end": mark.end, "token_start": span.start, "token_end": span.end - 1, "label": mark.label}
            for mark, span in zip(marks_of(record), segments, strict=True)
        ]
        label = record.get("label")
        labels: dict[str, Any] = {} if label is None else {"accept": label} if isinstance(label, list) else {"label": label}
        yield to_json({"text": text, "tokens": tokens, "spans": spans, **labels, "answer": "accept"})
