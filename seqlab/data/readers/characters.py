"""Sentences as their characters, with the words as segments."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import datasets

from seqlab.data.readers.base import Reader
from seqlab.data.readers.source import Report
from seqlab.data.records import records_from_columns
from seqlab.errors import ConfigError

_KEPT = ("id", "line", "label")


@final
class CharactersReader(Reader):
    """Reads what another reader reads, a character a step: the words become `segments`, labelled by one of its columns.

    `tokens` are the characters (code points) of the record's text or, where it has none that the words follow, of the words
    with a space between; `words` are the words. What stands between words belongs to no segment.
    """

    def __init__(self, *, reader: Reader, label_column: str) -> None:
        self._reader = reader
        self._label_column = label_column

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        """Return the records of `path`.

        Raises: ConfigError where they have no column of that name with one value a word.
        """
        records = self._reader.parse(path, report=report)
        for name in ("tokens", self._label_column):
            if name not in records.column_names:
                has = ", ".join(records.column_names)
                raise ConfigError(f"data.reader.label_column is {self._label_column!r}; the records have {has}, no {name}")
        kept = [name for name in _KEPT if name in records.column_names]
        columns: dict[str, list[Any]] = {name: list(records[name]) for name in kept}
        laid_out = [_laid_out(record) for record in records]
        columns["text"] = [text for text, _ in laid_out]
        columns["tokens"] = [list(text) for text, _ in laid_out]
        columns["offsets"] = [[[i, i + 1] for i in range(len(text))] for text, _ in laid_out]
        columns["words"] = list(records["tokens"])
        columns["segments"] = [
            [{"start": start, "end": end, "label": label} for (start, end), label in zip(bounds, labels, strict=True)]
            for (_, bounds), labels in zip(laid_out, records[self._label_column], strict=True)
        ]
        return records_from_columns(columns)

    def unread(self, path: Path) -> list[str]:
        """Return what the reader within leaves out."""
        return self._reader.unread(path)


def _laid_out(record: dict[str, Any]) -> tuple[str, Sequence[Sequence[int]]]:
    """Return a text and where its words lie in it."""
    text, offsets = record.get("text"), record.get("offsets")
    if text is not None and offsets is not None and all(start < end for start, end in offsets):
        return text, offsets
    bounds, place = [], 0
    for word in record["tokens"]:
        bounds.append((place, place + len(word)))
        place += len(word) + 1
    return " ".join(record["tokens"]), bounds
