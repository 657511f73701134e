"""Pairs of sentences with labels and scores: delimited text with a header, or JSON lines."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import datasets

from seqlab.data.pairs import SECOND
from seqlab.data.readers.base import Reader
from seqlab.data.readers.cells import DelimitedText
from seqlab.data.readers.jsonl import json_objects, object_keys
from seqlab.data.readers.source import Report, Source, split_spaces
from seqlab.data.readers.text import check_has_text, named_columns, text_columns
from seqlab.data.readers.values import checked, number_of
from seqlab.data.records import records_from_rows
from seqlab.errors import DataError


@final
class PairsReader(Reader):
    """Reads one pair per row, or one per object if the file ends in .jsonl.

    `text` and `text_2` are tokenized, `tokens` and `tokens_2` are split at spaces; all other columns (such as `tree` and
    `tree_2`) stay strings unless `numbers` lists them.

    Args:
        columns: Record column -> column of the file; null: the file has none. Must have a text or tokens for each side.
        numbers: Columns with real numbers.
        separator: Character between columns, or ``auto``: a comma for .csv files, else a tab.
        quote: Character around cells that contain separators or line breaks; None: cells are never quoted.

    Raises:
        ConfigError: a side has neither text nor tokens, or `separator` or `quote` is not a single character.
    """

    def __init__(
        self,
        columns: dict[str, str | None],
        *,
        numbers: Sequence[str] = (),
        separator: str = "auto",
        quote: str | None = None,
    ) -> None:
        self._table = DelimitedText(separator=separator, quote=quote, fallback="\t")
        self._columns = named_columns(columns)
        self._numbers = set(numbers)
        for side in ("", SECOND):
            check_has_text(self._columns, side=side)

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        source = Source(path, report=report)
        records: list[dict[str, Any]] = []
        for number, (line, row) in enumerate(self._rows(source), 1):
            with source.skipping(line):
                records.append({"id": f"{path.stem}-{number}", "line": line} | self._record(row))
        return records_from_rows(records, names=("id", "line", "tokens", f"tokens{SECOND}"))

    def unread(self, path: Path) -> list[str]:
        source = Source(path)
        is_json = path.suffix == ".jsonl"
        names = (
            object_keys(source, expected=self._object())
            if is_json
            else next(self._table.rows(source, columns=set(self._columns.values())))[1]
        )
        return [f"column {name!r}" for name in names if name not in self._columns.values()]

    def _rows(self, source: Source) -> Iterator[tuple[int, Mapping[str, Any]]]:
        if source.path.suffix == ".jsonl":
            return json_objects(source, expected=self._object())
        settings = {column: f"columns.{name} (null: there is none)" for name, column in self._columns.items()}
        return self._table.records(source, settings=settings)

    def _object(self) -> str:
        return f"one with the keys {', '.join(self._columns.values())}"

    def _record(self, row: Mapping[str, Any]) -> dict[str, Any]:
        record: dict[str, Any] = {}
        for name, column in self._columns.items():
            if column not in row:
                raise DataError(f"no {column!r} among {list(row)}; set data.reader.columns.{name} (null: there is none)")
            record |= self._values(name, row[column], column=column)
        return record

    def _values(self, name: str, value: Any, *, column: str) -> dict[str, Any]:
        """Return the record columns of one cell: a text also gives its tokens and offsets."""
        if name in self._numbers:
            return {name: number_of(value, column=column)}
        if name in ("tokens", f"tokens{SECOND}"):
            return {name: split_spaces(value) if isinstance(value, str) else checked(name, value, key=column)}
        # numbers in JSON are strings in a table
        value = checked("text", str(value) if isinstance(value, int) else value, key=column)
        if name not in ("text", f"text{SECOND}"):
            return {name: value}
        side = name.removeprefix("text")
        return {f"{key}{side}": found for key, found in text_columns(value).items()}
