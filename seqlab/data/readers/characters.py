"""Sentences as sequences of characters, with the words as segments."""

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
    """Turns the records of another reader into sequences of characters whose words are labelled `segments`.

    `tokens` are the characters (code points) of the text; without a text that matches the words, of the words joined by
    spaces. `words` keeps the words. Characters between words belong to no segment.

    Args:
        reader: The reader of the file.
        label_column: Column with one value per word, which labels its segment.
    """

    def __init__(self, reader: Reader, *, label_column: str = "tags") -> None:
        self._reader = reader
        self._label_column = label_column

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        """Return the records of `path`.

        Raises:
            ConfigError: the records have no `label_column`.
        """
        records = self._reader.parse(path, report=report)
        if not len(records):  # each was reported, and what columns they would have had is not known
            return records
        for name in ("tokens", self._label_column):
            if name not in records.column_names:
                has = ", ".join(records.column_names)
                raise ConfigError(f"data.reader.label_column is {self._label_column!r}; the records have {has}, no {name}")
        columns: dict[str, list[Any]] = {name: list(records[name]) for name in _KEPT if name in records.column_names}
        texts, bounds = zip(*map(_text_and_bounds, records), strict=True)
        columns["text"] = list(texts)
        columns["tokens"] = list(map(list, texts))
        columns["offsets"] = [[[i, i + 1] for i in range(len(text))] for text in texts]
        columns["words"] = list(records["tokens"])
        columns["segments"] = [
            [{"start": start, "end": end, "label": label} for (start, end), label in zip(of_words, labels, strict=True)]
            for of_words, labels in zip(bounds, records[self._label_column], strict=True)
        ]
        return records_from_columns(columns)

    def unread(self, path: Path) -> list[str]:
        return self._reader.unread(path)


def _text_and_bounds(record: dict[str, Any]) -> tuple[str, Sequence[Sequence[int]]]:
    """Return a text and the start and end of each word in it."""
    text, offsets = record.get("text"), record.get("offsets")
    if text is not None and offsets is not None and all(start < end for start, end in offsets):
        return text, offsets
    # one space between words
    bounds, start = [], 0
    for word in record["tokens"]:
        bounds.append((start, start + len(word)))
        start += len(word) + 1
    return " ".join(record["tokens"]), bounds
