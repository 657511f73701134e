"""Pairs of sentences, and what they are to each other: tables with a header, or JSON lines."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import datasets

from seqlab.data.pairs import SECOND
from seqlab.data.readers.base import Reader
from seqlab.data.readers.cells import check_characters, text_rows
from seqlab.data.readers.jsonl import json_object
from seqlab.data.readers.source import Report, Source, is_blank, refuse, split_spaces
from seqlab.data.readers.text import text_columns
from seqlab.data.records import records_from_columns
from seqlab.errors import ConfigError, DataError


@final
class PairsReader(Reader):
    """Reads a pair a row, or a pair an object where the file ends in .jsonl.

    `columns` maps record columns to those of the file (null: left out): `text` and `text_2` are tokenized, `tokens` and
    `tokens_2` are cut at spaces, those in `numbers` are real numbers, and all others stay strings, `tree` and `tree_2` as well.
    Rows are cut by `separator` (auto: a comma for .csv, else a tab), cells with separators in `quote` (None: no quoting).
    """

    def __init__(self, *, columns: Mapping[str, str | None], numbers: Sequence[str], separator: str, quote: str | None) -> None:
        check_characters(separator=separator, quote=quote)
        self._columns = {name: column for name, column in columns.items() if column is not None}
        self._numbers = set(numbers)
        self._separator = separator
        self._quote = quote
        for side in ("", SECOND):
            if not {f"text{side}", f"tokens{side}"} & set(self._columns):
                what = f"columns is {dict(columns)}; expected text{side} or tokens{side}"
                raise ConfigError(f"{what}; e.g. data.reader.columns.text{side}=sentence")

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        source = Source(path, report=report)
        records: list[dict[str, Any]] = []
        n_rows = 0
        for line, row in self._objects(source) if path.suffix == ".jsonl" else self._rows(source):
            n_rows += 1
            try:
                records.append({"id": f"{path.stem}-{n_rows}", "line": line} | self._record(row))
            except DataError as error:
                source.fault(line, str(error))
        if not n_rows:
            source.fault(1, "the file holds no records; expected a pair a line")
        names = list(records[0]) if records else ["id", "line", "tokens", f"tokens{SECOND}"]
        return records_from_columns({name: [record[name] for record in records] for name in names})

    def unread(self, path: Path) -> list[str]:
        source = Source(path, report=refuse)
        if path.suffix == ".jsonl":
            names = list(dict.fromkeys(key for _, row in self._objects(source) for key in row))
        else:
            names = next(text_rows(source, separator=self._cut(path), quote=self._quote))[1]
        return [f"column {name!r}" for name in names if name not in self._columns.values()]

    def _cut(self, path: Path) -> str:
        return ("," if path.suffix == ".csv" else "\t") if self._separator == "auto" else self._separator

    def _rows(self, source: Source) -> Iterator[tuple[int, Mapping[str, Any]]]:
        rows = text_rows(source, separator=self._cut(source.path), quote=self._quote)
        line, header = next(rows, (1, []))
        missing = [(name, column) for name, column in self._columns.items() if column not in header]
        if header and missing:
            name, column = missing[0]
            source.fault(line, f"no column {column!r} among {header}; set data.reader.columns.{name} (null: there is none)")
            return
        for line, cells in rows:
            if len(cells) == len(header):
                yield line, dict(zip(header, cells, strict=True))
            else:
                source.fault(line, f"{len(cells)} column(s); expected {len(header)}, as {header}")

    def _objects(self, source: Source) -> Iterator[tuple[int, Mapping[str, Any]]]:
        expected = f"one with the keys {', '.join(self._columns.values())}"
        for line, text in enumerate(source.lines(), 1):
            if is_blank(text):
                continue
            try:
                row = json_object(text, expected=expected)
            except DataError as error:
                source.fault(line, str(error))
                continue
            yield line, row

    def _record(self, row: Mapping[str, Any]) -> dict[str, Any]:
        record: dict[str, Any] = {}
        for name, column in self._columns.items():
            if column not in row:
                raise DataError(f"no {column!r} among {list(row)}; set data.reader.columns.{name} (null: there is none)")
            record |= self._values(name, row[column], column=column)
        return record

    def _values(self, name: str, value: Any, *, column: str) -> dict[str, Any]:
        """Return what a cell is in the record; texts are their tokens, too."""
        if name in self._numbers:
            return {name: _number(value, column=column)}
        if name in ("tokens", f"tokens{SECOND}"):
            return {name: split_spaces(value) if isinstance(value, str) else _words(value, column=column)}
        if not isinstance(value, str | int):
            raise DataError(f"{column} is {value!r:.80}; expected a string")
        if name not in ("text", f"text{SECOND}"):
            return {name: str(value)}
        side = name.removeprefix("text")
        return {f"{key}{side}": found for key, found in text_columns(str(value)).items()}


def _number(value: Any, *, column: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if number - number != 0:  # not finite
        raise DataError(f"{column} is {value!r}; expected a number")
    return number


def _words(value: Any, *, column: str) -> list[str]:
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return value
    raise DataError(f"{column} is {value!r:.80}; expected a string or a list of strings")
