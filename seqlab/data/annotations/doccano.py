"""doccano: JSON lines of spans (`label` or `labels`, or `entities` beside relations), and of labels of texts."""

from collections.abc import Iterable, Iterator
from typing import Any

from seqlab.data.annotations.documents import objects, value_of
from seqlab.data.annotations.marks import UTF_16, Mark, Row, Utf16, marked, marks_of
from seqlab.data.atomic_write import to_json
from seqlab.data.readers.source import Source
from seqlab.data.readers.values import shown
from seqlab.errors import DataError


def read(source: Source, unit: str) -> Iterator[Row]:
    """Yield the line and the record of each text."""
    for line, row in objects(source):
        with source.skipping(line):
            text = value_of(row, "text", expected=str)
            others: dict[str, Any] = {"id": str(row["id"])} if "id" in row else {}
            found: Any = row.get("label", row.get("labels")) or []
            if "entities" in row:
                entities = value_of(row, "entities", expected=list)
                found = [[one.get(key) for key in ("start_offset", "end_offset", "label")] for one in entities]
            labels = found if isinstance(found, list) else [found]
            if labels and all(isinstance(one, str) for one in labels):
                yield line, {"text": text, "label": labels[0] if len(labels) == 1 else labels, **others}
            else:
                place = Utf16(text).characters if unit == UTF_16 else int
                yield line, marked(text, [_mark(one, place) for one in labels], **others)


def _mark(found: Any, place: Any) -> Mark:
    if not (isinstance(found, list) and len(found) == 3 and [type(one) for one in found] == [int, int, str]):
        raise DataError(f"span is {shown(found)}; expected [start, end, label]")
    return Mark(place(found[0]), place(found[1]), found[2])


def write(records: Iterable[Any]) -> Iterator[str]:
    """Yield the lines of a file to import."""
    for record in records:
        labels = record.get("label")
        marks = [list(mark) for mark in marks_of(record)]
        if labels is not None and marks:
            raise DataError(
                f"record {record['id']!r} has spans and a label; a project of doccano has one of them; remove the other"
            )
        found = marks if labels is None else labels if isinstance(labels, list) else [labels]
        yield to_json({"id": record["id"], "text": record["text"], "label": found})
