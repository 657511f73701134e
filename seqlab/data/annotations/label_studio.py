"""Label Studio: the JSON export, its short form (JSON-MIN), and files to import, with predictions if asked."""

from collections.abc import Iterable, Iterator
from typing import Any

from seqlab.data.annotations.documents import objects, value_of
from seqlab.data.annotations.marks import CHARACTERS, UTF_16, Mark, Row, Utf16, marked, marks_of
from seqlab.data.atomic_write import to_json
from seqlab.data.readers.source import Source
from seqlab.errors import DataError

SPAN_TYPES = ("labels", "hypertextlabels")
SPANS, CHOICES = "label", "sentiment"
"""`from_name` of spans and of labels of texts in files that we write: those of Label Studio's templates."""


def read(source: Source, unit: str) -> Iterator[Row]:
    """Yield the line and the record of each task; of several annotations, the first that was not cancelled counts."""
    for line, task in objects(source):
        with source.skipping(line):
            text, results = _text(task), _results(task)
            marks = [mark for one in results if one.get("type") in SPAN_TYPES for mark in _marks(text, one["value"], unit)]
            choices = [choice for one in results if one.get("type") == "choices" for choice in one["value"]["choices"]]
            others: dict[str, Any] = {"label": choices[0] if len(choices) == 1 else choices} if choices else {}
            others |= {"id": str(task["id"])} if "id" in task else {}
            # a task of labels of texts has no spans at all, which is not the same as an empty list of them
            yield line, marked(text, marks, **others) if marks or not choices else {"text": text, **others}


def _text(task: dict[str, Any]) -> str:
    data = value_of(task, "data", expected=dict, default=task)
    key = next((key for key in ("text", *data) if isinstance(data.get(key), str)), "text")
    text: str = value_of(data, key, expected=str)
    return text


def _results(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the results of the first finished annotation; those of the short form as in the long one."""
    if "annotations" not in task and "data" not in task:
        return [{"type": "labels", "value": value} for value in value_of(task, "label", expected=list, default=[])]
    annotations = value_of(task, "annotations", expected=list, default=[])
    finished = [one for one in annotations if not value_of(one, "was_cancelled", expected=bool, default=False)]
    return list(value_of(finished, 0, "result", expected=list, default=[]))


def _marks(text: str, value: dict[str, Any], unit: str) -> list[Mark]:
    start, end = (value_of(value, key, expected=int) for key in ("start", "end"))
    if unit == UTF_16:
        start, end = map(Utf16(text).characters, (start, end))
    said = value_of(value, "text", expected=str, default=text[start:end])
    if said != text[start:end]:
        what = f"characters {start} to {end} are {text[start:end]!r}, but the export says {said!r}"
        raise DataError(f"{what}; set data.reader.unit={CHARACTERS if unit == UTF_16 else UTF_16}, or correct the offsets")
    return [Mark(start, end, label) for label in value_of(value, "labels", expected=list)]


def write(records: Iterable[Any]) -> Iterator[str]:
    """Yield the lines of a file to import."""
    yield "["
    for number, record in enumerate(records):
        yield ("," if number else "") + to_json(_task(record))
    yield "]"


def _task(record: Any) -> dict[str, Any]:
    text, units = record["text"], Utf16(record["text"])
    result: list[dict[str, Any]] = [
        {
            "id": f"{record['id']}-{number}",
            "from_name": SPANS,
            "to_name": "text",
            "type": "labels",
            "value": {
                "start": units.units(start),
                "end": units.units(end),
                "text": text[start:end],
                "labels": [label],
            },
        }
        for number, (start, end, label) in enumerate(marks_of(record))
    ]
    labels = record.get("label")
    if labels is not None:
        choices = labels if isinstance(labels, list) else [labels]
        result.append({"from_name": CHOICES, "to_name": "text", "type": "choices", "value": {"choices": choices}})
    return {"id": record["id"], "data": {"text": text}, "annotations": [{"result": result}]}
