"""JSON lines: one object per record, with tokens and tags, with a text and spans of characters, or with frames."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import datasets

from seqlab.data.readers.base import Reader
from seqlab.data.readers.column_check import check_columns
from seqlab.data.readers.source import Report, Source, refuse
from seqlab.data.readers.tags import TagConverter, Tagged
from seqlab.data.readers.text import check_has_text, named_columns, text_columns, token_spans
from seqlab.data.readers.values import check_lengths, checked, n_steps_of, of_one_width
from seqlab.data.records import records_from_columns
from seqlab.data.schemes import get_scheme
from seqlab.errors import DataError
from seqlab.types import Span

log = logging.getLogger(__name__)

REJECTED = "{:,} records have the answer reject or ignore, the first here, and are read like all others; remove them"
"""Message on the lines that `rejected_lines` returns; takes their number."""
_REJECTED = ("reject", "ignore")
_NULLABLE = ("text", "offsets")
_HAS_SPANS = "has spans"
"""Key of whether a record has spans (False: null), until all records are known."""
_OBJECTS = '{"tokens": …} or {"text": …}'
_NAMES = "id tokens tags label segments labels text offsets spans upos xpos lemma feats heads deprel deps misc alternatives"
COLUMNS = MappingProxyType({name: name for name in f"{_NAMES} comments multiword empty_nodes tree frames".split()})
"""Record columns that a file may have, each under its own name."""


class JsonlReader(Reader):
    """Reads tokens (with `tags`, `label`, `segments` …), or `text`, which is tokenized (with `spans` and `label`).

    Spans are ``[start, end, label]`` or objects with these keys, in characters from 0 with an exclusive end. They become
    `segments` in tokens. Records of `frames`, lists of numbers, need neither tokens nor a text.

    Args:
        columns: Record column -> key of the objects (null: none); must have ``tokens``, ``text`` or ``frames``. Other
            keys are ignored, and columns whose key does not occur are absent.
        scheme: Span scheme of the tags in the file, checked while reading; None: no check.
        target_scheme: Span scheme to convert the tags to; None: no conversion.
        span_scheme: Span scheme of the tags made from `spans`; None: no tags, only `segments`, which may overlap.
        repair: Whether records that break `scheme` are read leniently, as seqeval does, and encoded again; False: refused.
        check_columns: Whether to refuse tokens and tags that look as if they were in other columns: tags as varied as words,
            tags equal to the tokens, and columns that count 1, 2, 3.

    Raises:
        ConfigError: `columns` has none of ``tokens``, ``text`` and ``frames``, or a scheme is unknown.
    """

    def __init__(
        self,
        *,
        columns: Mapping[str, str | None] = COLUMNS,
        scheme: str | None = None,
        target_scheme: str | None = None,
        span_scheme: str | None = "BIO",
        repair: bool = False,
        check_columns: bool = True,
    ) -> None:
        self._columns = named_columns(columns)
        check_has_text(self._columns, others=["frames"])
        self._converter = TagConverter(scheme=scheme, target_scheme=target_scheme, repair=repair)
        self._checks_columns = check_columns
        self._span_scheme = None if span_scheme is None else get_scheme(span_scheme)

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        source = Source(path, report=report)
        read: list[Tagged] = []
        for index, (line, row) in enumerate(self.rows(path, report), 1):
            record: dict[str, Any] = {"id": f"{path.stem}-{index}", "line": line}
            with source.skipping(line):
                record |= self._record(row)
            if (n_steps := n_steps_of(record)) is not None:  # a faulty record has no steps
                # every tag of a record stands on the same line, so faults of any step name that line
                read.append((record, [line] * n_steps))
        records = list(of_one_width(self._converter.converted(read, source=source), source=source))
        found = records_from_columns(_same_columns(list(self._with_spans(records, source=source)), source=source))
        if self._checks_columns:
            check_columns(found, source, setting="columns", columns=self._columns)
        return found

    def rows(self, path: Path, report: Report) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the line and the object of each record."""
        source = Source(path, report=report)
        rejected = rejected_lines(source) if "answer" not in self._columns.values() else []
        if rejected and report is refuse:  # a collected report has a place for warnings of its own
            log.warning("%s:%d: %s", path, rejected[0], REJECTED.format(len(rejected)))
        yield from json_objects(source, expected=_OBJECTS)

    def unread(self, path: Path) -> list[str]:
        keys = object_keys(Source(path), expected=_OBJECTS)
        return [f"key {key!r}" for key in keys if key not in self._columns.values()]

    def _record(self, row: dict[str, Any]) -> dict[str, Any]:
        keys = {name: key for name, key in self._columns.items() if key in row}
        values = {name: None if row[key] is None else checked(name, row[key], key=key) for name, key in keys.items()}
        # null means that there is no such value, but null texts and offsets stay: records without a text keep their columns
        record: dict[str, Any] = {name: value for name, value in values.items() if value is not None or name in _NULLABLE}
        spans = record.pop("spans", None)
        if "tokens" not in record and record.get("text") is None and "frames" not in record:
            change = "set data.reader.columns.tokens, .text or .frames"
            raise DataError(f"no tokens, no text and no frames among the keys {list(row)}; {change}")
        if "tokens" not in record and record.get("offsets") is not None:
            raise DataError(f"{keys['offsets']} without tokens; give the tokens too, or leave {keys['offsets']} out")
        if record.get("text") is not None and not {"tokens", "offsets"} <= set(record):
            record |= text_columns(record["text"], record.get("tokens"))
        check_lengths(record)
        if spans is not None:
            record |= self._spans(spans, record)
        return record | ({_HAS_SPANS: spans is not None} if "spans" in keys else {})

    def _spans(self, spans: list[Span], record: dict[str, Any]) -> dict[str, Any]:
        if record.get("text") is None or record.get("offsets") is None:
            raise DataError("spans need a text to count characters in; set data.reader.columns.text")
        found = token_spans(spans, text=record["text"], offsets=record["offsets"])
        columns: dict[str, Any] = {"segments": [span._asdict() for span in found]}
        if self._span_scheme is not None and "tags" not in record:
            columns["tags"] = self._span_scheme.encode(found, n_steps=len(record["tokens"]))
        return columns

    def _with_spans(self, records: list[dict[str, Any]], *, source: Source) -> Iterator[dict[str, Any]]:
        """Yield the records; if any has spans, null means no spans, and a record without the key is a fault."""
        given = [record.pop(_HAS_SPANS, None) for record in records]
        if not any(given):
            yield from records
            return
        for record, has_spans in zip(records, given, strict=True):
            if has_spans is None and "segments" not in record:
                what = f"no {self._columns['spans']}; expected the same keys in each record"
                source.fault(record["line"], f"{what}: write [] for a record without spans")
                continue
            record.setdefault("segments", [])
            if self._span_scheme is not None:
                record.setdefault("tags", ["O"] * (n_steps_of(record) or 0))
            yield record


def json_objects(source: Source, *, expected: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the line and the object of each line that is not blank; a line without an object is a fault.

    `expected` describes a valid object, for messages.
    """
    lines = source.filled_lines()
    if not lines:
        source.fault(1, "the file holds no records; expected one JSON object per line")
    for number, line in lines:
        with source.skipping(number):
            yield number, _json_object(line, expected=expected)


def rejected_lines(source: Source) -> list[int]:
    """Return the lines of records that an annotator has rejected or skipped in Prodigy, which exports them with the others."""
    # a quick look first, as hardly any file has them
    lines = [(number, line) for number, line in source.filled_lines() if any(answer in line for answer in _REJECTED)]
    found = []
    for number, line in lines:
        with suppress(DataError):  # reported where the records are read
            found += [number] if _json_object(line, expected=_OBJECTS).get("answer") in _REJECTED else []
    return found


def object_keys(source: Source, *, expected: str) -> list[str]:
    """Return the keys of all objects in order of first occurrence."""
    return list(dict.fromkeys(key for _, row in json_objects(source, expected=expected) for key in row))


def _json_object(line: str, *, expected: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        json.dumps(row, ensure_ascii=False).encode()  # half a surrogate pair parses, but no file can hold it
    except UnicodeEncodeError as error:
        raise DataError(f"{error.object[error.start]!r} is half a surrogate pair, not a character") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON: {error}; expected one object per line") from error
    if not isinstance(row, dict):
        raise DataError(f"{line[:60]!r} is not an object; expected {expected}")
    return row


def _same_columns(records: list[dict[str, Any]], *, source: Source) -> dict[str, list[Any]]:
    """Return the columns of the records that have all columns, with values of the same type as in the first record."""
    # reversed, so that the first record decides
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
