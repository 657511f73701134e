"""Texts cut into tokens, with spans of characters laid over them."""

from collections.abc import Iterable, Sequence
from typing import Any

from seqlab.data.readers.alignment import Offsets, find_words
from seqlab.errors import DataError
from seqlab.types import Span


def text_columns(text: str, tokens: Sequence[str] | None = None) -> dict[str, Any]:
    """Return `tokens`, `text` and `offsets` of `text`; given `tokens` are looked up in it, else it is tokenized.

    Raises:
        DataError: the text has something other than white space between or around the tokens.
    """
    if tokens is None:
        from seqlab.data.tokenization import tokenize

        found: Offsets | None = [[start, end] for start, end in tokenize(text)]
        words = [text[start:end] for start, end in found or ()]
    else:
        found, words = find_words(text, tokens), list(tokens)
    if found is None:
        raise DataError(f"text {text!r} does not spell the tokens {words}; expected only white space between them")
    return {"tokens": words, "text": text, "offsets": found}


def token_spans(spans: Iterable[Span], *, text: str, offsets: Offsets) -> list[Span]:
    """Return `spans` of characters as spans of tokens.

    Raises:
        DataError: a span does not begin where a token begins and end where one ends.
    """
    starts = {start: index for index, (start, _) in enumerate(offsets)}
    ends = {end: index + 1 for index, (_, end) in enumerate(offsets)}
    found = []
    for start, end, label in spans:
        if start not in starts or end not in ends or start >= end:
            words = [text[first:last] for first, last in offsets if first < end and last > start]
            raise DataError(
                f"span {[start, end, label]} ({text[start:end]!r}) does not begin and end with tokens {words}; "
                "mend its offsets (characters from 0, end exclusive) or give tokens"
            )
        found.append(Span(starts[start], ends[end], label))
    return found
