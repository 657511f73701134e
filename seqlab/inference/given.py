"""An input of `Tagger.predict` as a record: text is tokenized, tokens are aligned with their text."""

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

from seqlab.data.pairs import SECOND
from seqlab.data.readers.text import text_columns
from seqlab.data.readers.values import check_frames
from seqlab.data.records import STRING_COLUMNS
from seqlab.data.tokenization import tokenize
from seqlab.errors import DataError

Input: TypeAlias = str | Sequence[str] | Mapping[str, Any]
"""Raw text, tokens, or a record: `text` or `tokens`, and any other column that the model reads."""


def read_input(item: object) -> Mapping[str, Any]:
    """Return `item`, an input of `Tagger.predict`, as a record.

    Raises: DataError for an input of another type, and for a text that holds other words than the tokens.
    """
    if isinstance(item, str):
        return _tokenized(item)
    if isinstance(item, Mapping):
        for side in ("", SECOND):
            item = _with_tokens(item, side=side)
        if isinstance(item.get("segments"), Sequence) and not isinstance(item["segments"], str):
            item = {**item, "segments": [_segment(segment) for segment in item["segments"]]}
        return item
    if isinstance(item, Sequence) and all(isinstance(token, str) for token in item):
        return {"tokens": list(item)}
    raise DataError(f"input is {item!r:.80}; expected a string, a list of strings, or a mapping with `text` or `tokens`")


def check_kinds(record: Mapping[str, Any], needed: Collection[str]) -> None:
    """Check the values of a record's texts, tokens and offsets, and of the columns that the model reads.

    Raises: DataError for a value of the wrong kind, or text that UTF-8 cannot hold.
    """
    read = [name for name in record if name in needed or name in _ALWAYS]
    for name in read:
        is_valid, expected = _KINDS.get(name, (_is_given, "a value"))
        if not is_valid(record[name]):
            raise DataError(f"{name} is {record[name]!r:.80}; expected {expected}")
        if name == "frames":
            check_frames(record[name])
        _check_encodable(record[name], name=name)
    if record.get("offsets") is not None and not (isinstance(record.get("text"), str) and record.get("tokens") is not None):
        raise DataError("offsets need tokens, and the text in which they count characters; add both, or remove offsets")


def _with_tokens(item: Mapping[str, Any], *, side: str) -> Mapping[str, Any]:
    """Return a record whose text, if any, has tokens and their offsets."""
    text, tokens = item.get(f"text{side}"), item.get(f"tokens{side}")
    if not isinstance(text, str):
        return {name: value for name, value in item.items() if name != "offsets"} if not side and "offsets" in item else item
    if tokens is None:
        found = _tokenized(text)
    elif side or ("offsets" in item and _fit(text, tokens, item["offsets"])):
        return item
    else:  # offsets of other tools may count bytes or UTF-16 units, so they are not read
        found = text_columns(text, tokens)
    return {**item, **{f"{name}{side}": value for name, value in found.items()}}


def _fit(text: str, tokens: Sequence[str], offsets: Any) -> bool:
    """Return whether `offsets` are the places of `tokens` in `text`; null offsets say that the tokens have none.

    Words of one multiword token, as in CoNLL-U (du = de + le), share its place.
    """
    if offsets is None:
        return True
    try:
        places = [(start, end) for start, end in offsets]
        is_ordered = places == sorted(places) and all(0 <= start <= end <= len(text) for start, end in places)
        words = [text[start:end] for start, end in places]
    except (TypeError, ValueError):
        return False
    # Places are sorted, so equal ones stand next to each other.
    shared = {place for place, following in pairwise(places) if place == following}
    pairs = zip(places, zip(tokens, words, strict=False), strict=False)
    return is_ordered and len(places) == len(tokens) and all(a == b or place in shared for place, (a, b) in pairs)


def _segment(value: object) -> dict[str, Any]:
    parts = [value.get(name) for name in ("start", "end", "label")] if isinstance(value, Mapping) else value
    if isinstance(parts, list | tuple) and len(parts) in (2, 3) and all(type(part) is int for part in parts[:2]):
        return dict(zip(("start", "end", "label"), (*parts, None), strict=False))
    raise DataError(f"segment is {value!r:.80}; expected [start, end], or an object with start and end, in tokens")


def _tokenized(text: str) -> dict[str, Any]:
    offsets = tokenize(text)
    return {"text": text, "tokens": [text[start:end] for start, end in offsets], "offsets": offsets}


def _check_encodable(value: object, *, name: str) -> None:
    """Raise DataError for lone surrogates, which JSON can express but UTF-8 cannot."""
    for part in value if isinstance(value, list) else [value]:
        try:
            _ = part.encode() if isinstance(part, str) else None
        except UnicodeEncodeError as error:
            character = repr(error.object[error.start])
            raise DataError(f"{character} is half a character (a lone surrogate) in {name}; fix the text") from None


def _list_of(*kinds: type) -> Callable[[Any], bool]:
    # `type`, not `isinstance`: a bool is an int
    return lambda value: isinstance(value, list) and all(type(item) in kinds for item in value)


def _is_given(value: object) -> bool:
    return value is not None


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


_ARE_STRINGS, _ARE_HEADS = _list_of(str), _list_of(int, type(None))
_KINDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(STRING_COLUMNS, (_ARE_STRINGS, "a list of strings")),
    **dict.fromkeys(("tokens", f"tokens{SECOND}"), (lambda v: v is None or _ARE_STRINGS(v), "a list of strings")),
    **dict.fromkeys(("text", f"text{SECOND}"), (_is_text, "a string")),
    **dict.fromkeys(("tree", f"tree{SECOND}"), (lambda value: isinstance(value, str), "a string of brackets")),
    "heads": (_ARE_HEADS, "a list of integers"),
    "segments": (lambda value: isinstance(value, list), "a list of [start, end]"),
    "offsets": (lambda value: value is None or isinstance(value, list), "a list of [start, end]"),
}
"""Column -> test of its values, and what the test expects."""
_ALWAYS = frozenset({"tokens", "text", "offsets", f"text{SECOND}", "id"})
"""Columns that are checked even if the model does not read them, since the output is made of them."""
