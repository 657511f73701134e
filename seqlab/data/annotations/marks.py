"""Spans that people marked in texts: offsets of several tools, and tokens that begin and end where spans do."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, TypeAlias

from seqlab.data.tokenization import tokenize
from seqlab.errors import DataError

CHARACTERS, UTF_16 = "characters", "utf-16"
"""What offsets count: Unicode characters, as Python does, or UTF-16 code units, as JavaScript does."""
Row: TypeAlias = tuple[int, dict[str, Any]]
"""A line of a file, and the record that begins there, in the columns of `JsonlReader`."""


class Mark(NamedTuple):
    """A labelled span of the characters `start` to `end` (exclusive, from 0) of a text."""

    start: int
    end: int
    label: str


class Utf16:
    """Offsets of a text in UTF-16 code units, as JavaScript counts them, as offsets in characters.

    Args:
        text: The text.
    """

    def __init__(self, text: str) -> None:
        # a character beyond U+FFFF is two units
        self._starts = None if text.isascii() else list(accumulate((1 + (char > "\uffff") for char in text), initial=0))

    def characters(self, offset: int) -> int:
        """Return the number of characters before an offset.

        Raises:
            DataError: the offset is inside a character, or beyond the end.
        """
        if self._starts is None:
            return offset
        found = bisect_left(self._starts, offset)
        if found == len(self._starts) or self._starts[found] != offset:
            raise DataError(f"offset {offset} is inside a character, or beyond the text; expected UTF-16 code units")
        return found

    def units(self, offset: int) -> int:
        """Return the number of code units before a character."""
        return offset if self._starts is None else self._starts[offset]


def marked(
    text: str, marks: Iterable[Mark], *, offsets: Iterable[Sequence[int]] | None = None, **others: Any
) -> dict[str, Any]:
    """Return a record of a text with spans, whose tokens begin and end where spans do.

    White space at the ends of spans, which is easily marked with a word, is left out.

    Args:
        text: The text.
        marks: Its spans.
        offsets: Start and end of the tokens that the tool made; None: those of our tokenization.
        others: Further columns.

    Raises:
        DataError: a span is empty, or not within the text.
    """
    found = [_trimmed(text, mark) for mark in marks]
    bounds = sorted({bound for start, end, _ in found for bound in (start, end)})
    given = tokenize(text) if offsets is None else offsets
    cut = [piece for start, end in given for piece in _cut(start, end, bounds)]
    tokens = [text[start:end] for start, end in cut]
    return {"text": text, "tokens": tokens, "offsets": cut, "spans": [list(mark) for mark in found], **others}


def _trimmed(text: str, mark: Mark) -> Mark:
    start, end, label = mark
    if not 0 <= start < end <= len(text):
        what = f"span {list(mark)}; expected 0 <= start < end <= {len(text)}, the length of the text"
        raise DataError(f"{what}; correct its offsets, or set data.reader.unit")
    start += len(text[start:end]) - len(text[start:end].lstrip())
    end = start + len(text[start:end].rstrip())
    if start == end:
        raise DataError(f"span {list(mark)} has nothing but white space; remove it")
    return Mark(start, end, label)


def _cut(start: int, end: int, bounds: Sequence[int]) -> list[list[int]]:
    """Return the parts of a token between the bounds of spans."""
    inner = [bound for bound in bounds[bisect_left(bounds, start) :] if start < bound < end]
    return [list(pair) for pair in pairwise([start, *inner, end])]


def marks_of(record: Any) -> list[Mark]:
    """Return the spans of a record with `text`, `offsets` and `segments`, in characters.

    Raises:
        DataError: it has no text.
    """
    if record.get("text") is None or record.get("offsets") is None:
        raise DataError(f"record {record['id']!r} has no text; annotation tools mark spans in texts; add the column text")
    offsets = record["offsets"]
    return [
        Mark(offsets[one["start"]][0], offsets[one["end"] - 1][1], one["label"])
        for one in record.get("segments") or ()
        if one["label"]
    ]
