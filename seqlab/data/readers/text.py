"""Texts and their tokens: tokens with character offsets (end exclusive), and character spans converted to token spans."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, TypeAlias

from seqlab.data.tokenization import tokenize
from seqlab.errors import ConfigError, DataError, shortened
from seqlab.types import Span

Offsets: TypeAlias = list[list[int]]
"""``[start, end]`` of each word, in characters of the text."""
Ranges: TypeAlias = Mapping[int, tuple[int, str, str]]
"""Index of the first word of each multiword token -> (index after its last word, form, MISC)."""


def named_columns(columns: Mapping[str, str | None]) -> dict[str, str]:
    """Return `columns` without those that are null, which the file does not have."""
    return {name: column for name, column in columns.items() if column is not None}


def check_has_text(columns: Mapping[str, Any], *, side: str = "", others: Collection[str] = ()) -> None:
    """Check that a reader's `columns` name tokens or a text, or one of the `others` that may take their place.

    `side` is the suffix of the columns of tokens and text.

    Raises:
        ConfigError: they name none of these.
    """
    if not {f"tokens{side}", f"text{side}", *others} & set(columns):
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
        what = shortened(f"text {text!r} does not match the tokens {list(tokens)}")
        raise DataError(f"{what}; expected only white space between them")
    return {"tokens": list(tokens), "text": text, "offsets": found}


def token_spans(spans: Iterable[Span], *, text: str, offsets: Offsets) -> list[Span]:
    """Convert spans of characters to spans of tokens.

    Raises:
        DataError: a span does not start and end at token boundaries.
    """
    # tokens do not overlap, so a start or an end belongs to one token
    starts = {start: index for index, (start, _) in enumerate(offsets)}
    ends = {end: index + 1 for index, (_, end) in enumerate(offsets)}
    found = []
    for start, end, label in spans:
        if start not in starts or end not in ends or start >= end:
            words = [text[first:last] for first, last in offsets if first < end and last > start]
            what = f"span {[start, end, label]} ({text[start:end]!r}) does not begin and end with tokens {words}"
            raise DataError(f"{what}; correct its offsets (characters from 0, end exclusive) or give tokens")
        found.append(Span(starts[start], ends[end], label))
    return found


def align_words(text: str, words: Sequence[str], *, misc: Sequence[str], ranges: Ranges) -> Offsets | None:
    """Return the offsets of each word in `text` by the spacing rules of CoNLL-U; None if words and text do not match.

    Args:
        text: The ``# text`` of the sentence.
        words: Forms of the words.
        misc: MISC of each word; ``SpaceAfter=No`` means that no space follows.
        ranges: The multiword tokens. If the words of one concatenate to its form, each gets its own offsets; otherwise all get
            the offsets of the form.
    """
    offsets: Offsets = []
    position = index = 0
    while index < len(words):
        end, form, form_misc = ranges.get(index, (index + 1, words[index], misc[index]))
        if not text.startswith(form, position):
            return None
        # a multiword token may be written differently than its words: du = de + le
        offsets += _within(form, words[index:end], start=position)
        index = end
        position += len(form)
        if position < len(text) and "SpaceAfter=No" not in form_misc:
            if not text[position].isspace():
                return None
            position = len(text) - len(text[position:].lstrip())  # one or more characters of white space
    return offsets if position == len(text) else None


def find_words(text: str, words: Sequence[str]) -> Offsets | None:
    """Return the offsets of each word in `text`; None if anything but white space lies between the words."""
    offsets: Offsets = []
    position = 0
    for word in words:
        # the first match will do: only white space may lie before it
        start = text.find(word, position)
        if start < 0 or text[position:start].strip():
            return None
        position = start + len(word)
        offsets.append([start, position])
    return offsets if not text[position:].strip() else None


def _within(form: str, words: Sequence[str], *, start: int) -> Offsets:
    if "".join(words) != form:
        return [[start, start + len(form)] for _ in words]
    return [[begin, end] for begin, end in pairwise(accumulate(map(len, words), initial=start))]
