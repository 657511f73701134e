"""Raw text: tokens with character offsets, and character spans converted to token spans."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seqlab.data.readers.alignment import Offsets, find_words
from seqlab.data.tokenization import tokenize
from seqlab.errors import ConfigError, DataError
from seqlab.types import Span


def check_has_text(columns: Mapping[str, Any], *, side: str = "") -> None:
    """Check that a reader's `columns` name tokens or a text; `side` is the suffix of these columns.

    Raises:
        ConfigError: they name neither.
    """
    if not {f"tokens{side}", f"text{side}"} & set(columns):
        expected = f"expected tokens{side} or text{side}, e.g. data.reader.columns.text{side}=text"
        raise ConfigError(f"columns is {dict(columns)}; {expected}")


def text_columns(text: str, tokens: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the columns `tokens`, `text` and `offsets` of a text; without `tokens` the text is tokenized.

    Raises:
        DataError: the text is not the tokens with white space between them.
    """
    if tokens is None:
        offsets = [[start, end] for start, end in tokenize(text)]
        return {"tokens": [text[start:end] for start, end in offsets], "text": text, "offsets": offsets}
    found = find_words(text, tokens)
    if found is None:
        raise DataError(f"text {text!r} does not match the tokens {list(tokens)}; expected only white space between them")
    return {"tokens": list(tokens), "text": text, "offsets": found}


def token_spans(spans: Iterable[Span], *, text: str, offsets: Offsets) -> list[Span]:
    """Convert spans of characters to spans of tokens.

    Raises:
        DataError: a span does not start and end at token boundaries.
    """
    starts = {start: index for index, (start, _) in enumerate(offsets)}
    ends = {end: index + 1 for index, (_, end) in enumerate(offsets)}
    found = []
    for start, end, label in spans:
        if start not in starts or end not in ends or start >= end:
            words = [text[first:last] for first, last in offsets if first < end and last > start]
            raise DataError(
                f"span {[start, end, label]} ({text[start:end]!r}) does not begin and end with tokens {words}; "
                "correct its offsets (characters from 0, end exclusive) or give tokens"
            )
        found.append(Span(starts[start], ends[end], label))
    return found
