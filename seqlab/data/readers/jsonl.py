"""JSON lines: an object a record, with tokens and tags, or a text and spans of its characters."""

import json
from pathlib import Path
from typing import Any, final

import datasets

from seqlab.data.readers.base import Reader
from seqlab.data.readers.source import Report, Source, is_blank, refuse
from seqlab.data.readers.tags import TagConverter
from seqlab.data.readers.text import text_columns, token_spans
from seqlab.data.records import STEP_COLUMNS, records_from_columns
from seqlab.data.schemes import get_scheme
from seqlab.errors import ConfigError, DataError
from seqlab.types import Span

_WORD_LISTS = ("tokens", "tags", "upos", "xpos", "lemma", "feats", "deprel", "deps", "misc", "labels", "alternatives")
_NULLABLE = ("text", "offsets")
_OBJECTS = '{"tokens": …} or {"text": …}'


@final
class JsonlReader(Reader):
    """Reads tokens (with `tags`, `label`, `segments` …) or `text` (tokenized, with `spans` and `label`).

    `columns` maps record columns to keys of the objects; keys that are not in it are left out, columns whose key no
    object has are absent. `spans` (``[start, end, label]`` or objects with those keys; characters, end exclusive)
    becomes `segments`, and `tags` in `span_scheme` where that is not None. `tags` of the file in `scheme` are checked,
    and converted to `target_scheme` where that is not None.
    """

    def __init__(
        self, *, columns: dict[str, str], scheme: str | None, target_scheme: str | None, span_scheme: str | None
    ) -> None:
        if not {"tokens", "text"} & set(columns):
            raise ConfigError(f"columns is {columns}; expected tokens or text, e.g. data.reader.columns.text=text")
        self._columns = columns
        self._converter = TagConverter(scheme=scheme, target_scheme=target_scheme)
        self._span_scheme = None if span_scheme is None else get_scheme(span_scheme)

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        source = Source(path, report=report)
        records: list[dict[str, Any]] = []
        numbered = [(number, line) for number, line in enumerate(source.lines(), 1) if not is_blank(line)]
        if not numbered:
            source.fault(1, "the file holds no records; expected a JSON object a line")
        for index, (number, line) in enumerate(numbered, 1):
            try:
                record = self._record(json_object(line, expected=_OBJECTS))
            except DataError as error:
                source.fault(number, str(error))
                continue
            record = {"id": f"{path.stem}-{index}", "line": number} | record
            if self._convert(record, line=number, source=source):
                records.append(record)
        return records_from_columns(_same_columns(records, source=source))

    def unread(self, path: Path) -> list[str]:
        lines = [line for line in Source(path, report=refuse).lines() if not is_blank(line)]
        keys = dict.fromkeys(key for line in lines for key in json_object(line, expected=_OBJECTS))
        return [f"key {key!r}" for key in keys if key not in self._columns.values()]

    def _record(self, row: dict[str, Any]) -> dict[str, Any]:
        given = {name: row[key] for name, key in self._columns.items() if key in row}
        record = {name: _checked(name, value) for name, value in given.items() if not _is_absent(name, value)}
        spans = record.pop("spans", None)
        if "tokens" not in record and record.get("text") is None:
            raise DataError(f"no tokens and no text among the keys {list(row)}; set data.reader.columns.tokens or .text")
        if record.get("text") is not None and "offsets" not in record:
            record |= text_columns(record["text"], record.get("tokens"))
        _check_steps(record)
        if spans is not None:
            record |= self._spans(spans, record)
        return record

    def _spans(self, spans: list[Span], record: dict[str, Any]) -> dict[str, Any]:
        if record.get("offsets") is None:
            raise DataError("spans without a text to count their characters in; set data.reader.columns.text")
        found = token_spans(spans, text=record["text"], offsets=record["offsets"])
        columns: dict[str, Any] = {"segments": [span._asdict() for span in found]}
        if self._span_scheme is not None and "tags" not in record:
            columns["tags"] = self._span_scheme.encode(found, n_steps=len(record["tokens"]))
        return columns

    def _convert(self, record: dict[str, Any], *, line: int, source: Source) -> bool:
        if "tags" in record:
            record["tags"] = self._converter.convert(record["tags"], lines=[line] * len(record["tags"]), source=source)
        return record.get("tags", ()) is not None


def json_object(line: str, *, expected: str) -> dict[str, Any]:
    """Return the object in a line; `expected` tells what users should write instead of another value.

    Raises: DataError for what is no JSON, for another value, and for characters that no file can hold.
    """
    try:
        row = json.loads(line)
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{error.object[error.start]!r} is half a surrogate pair, which is no character") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON: {error}; expected an object a line") from error
    if not isinstance(row, dict):
        raise DataError(f"{line[:60]!r} is not an object; expected {expected}")
    return row


def _is_absent(name: str, value: Any) -> bool:
    return value is None and name not in _NULLABLE


def _checked(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _WORD_LISTS and not _is_list_of(value, str):
        raise DataError(f"{name} is {value!r}; expected a list of strings")
    if name == "heads" and not (isinstance(value, list) and _are_whole([head for head in value if head is not None])):
        raise DataError(f"heads is {value!r}; expected a list of integers")
    if name == "offsets" and not (_is_list_of(value, list) and all(map(_is_pair, value))):
        raise DataError(f"offsets is {value!r}; expected a list of [start, end]")
    if name == "text" and not isinstance(value, str):
        raise DataError(f"text is {value!r}; expected a string")
    if name == "label" and isinstance(value, (bool, float, dict)):
        raise DataError(f"label is {value!r}; expected a string, or a list of strings")
    if name in ("label", "id") and not isinstance(value, list):
        return str(value)
    if name == "spans":
        return [_span(span) for span in value] if isinstance(value, list) else _span(value)
    if name == "segments":
        return [_span(span)._asdict() for span in value] if isinstance(value, list) else _span(value)
    return value


def _is_list_of(value: Any, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def _is_pair(value: list[Any]) -> bool:
    return len(value) == 2 and _are_whole(value)


def _are_whole(values: list[Any]) -> bool:
    """Return whether all are whole numbers; true and false, which Python counts among them, are none."""
    return all(type(value) is int for value in values)


def _span(value: Any) -> Span:
    parts = [value.get(key) for key in Span._fields] if isinstance(value, dict) else value
    if isinstance(parts, list) and len(parts) == 3 and _are_whole(parts[:2]) and isinstance(parts[2], str):
        return Span(*parts)
    raise DataError(f"span is {value!r}; expected [start, end, label] or an object with these keys")


def _check_steps(record: dict[str, Any]) -> None:
    n_tokens = len(record["tokens"])
    for name in STEP_COLUMNS:
        if record.get(name) is not None and len(record[name]) != n_tokens:
            raise DataError(f"{len(record[name])} {name} for {n_tokens} tokens; expected one a token")
    for segment in record.get("segments", ()):
        if not 0 <= segment["start"] < segment["end"] <= n_tokens:
            raise DataError(f"segment is {segment}; expected 0 <= start < end <= {n_tokens}, the number of tokens")


def _same_columns(records: list[dict[str, Any]], *, source: Source) -> dict[str, list[Any]]:
    kinds = {name: type(value) for record in reversed(records) for name, value in record.items()}
    names = list(dict.fromkeys(name for record in records for name in record)) or ["id", "line", "tokens"]
    complete = []
    for record in records:
        missing = [name for name in names if name not in record]
        mixed = [name for name, value in record.items() if type(value) is not kinds[name] and name not in _NULLABLE]
        if missing:
            source.fault(record["line"], f"no {', '.join(missing)}; expected the same columns in each record")
        elif mixed:
            what = f"{mixed[0]} is {record[mixed[0]]!r}"
            source.fault(record["line"], f"{what}; expected a {kinds[mixed[0]].__name__}, as in the first record")
        else:
            complete.append(record)
    return {name: [record[name] for record in complete] for name in names}
