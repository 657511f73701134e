"""Checked conversion of the values in JSON, Parquet and `datasets` to those of record columns, one rule per column."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from sys import float_info
from typing import Any, TypeAlias, final

from seqlab.data.readers.source import Source
from seqlab.data.records import STEP_COLUMNS, STRING_COLUMNS
from seqlab.errors import DataError
from seqlab.types import Span

LARGEST_INTEGER = 2**31 - 1
"""The largest integer that columns of heads, offsets and segments hold."""

_NEEDED = ("tokens", "text", "tokens_2", "text_2")


Record: TypeAlias = dict[str, Any]


@final
@dataclass(frozen=True)
class _Rule:
    """The values that a column may have, described by `expected`, and their conversion."""

    is_valid: Callable[[Any], bool]
    expected: str
    converted: Callable[[Any], Any] = lambda value: value


def checked(name: str, value: Any, *, key: str | None = None, setting: str | None = None) -> Any:
    """Return `value` as one of record column `name`; columns without a rule keep their values.

    `key` is the name in the file, and `setting` the setting of the reader that names it, for messages.

    Raises:
        DataError: the value has another type.
    """
    rule = _RULES.get(name)
    if rule is None:
        return value
    if not rule.is_valid(value):
        setting = setting or f"data.reader.columns.{name}"
        hint = f"; for spans of characters set data.reader.columns.spans={key or name}" if _may_be_spans(name, value) else ""
        hint += "; correct or remove the record" if name in _NEEDED else f"; {setting}=null leaves it out"
        raise DataError(f"{key or name} is {shown(value)}; expected {rule.expected}{hint}")
    return rule.converted(value)


def number_of(value: Any, *, column: str) -> float:
    """Return the number in a cell of `column`.

    Raises:
        DataError: the cell holds no finite number.
    """
    try:
        # Python reads 1_000 as a number, other programs do not
        number = float("nan") if isinstance(value, str) and "_" in value else float(value)
    except (TypeError, ValueError, OverflowError):
        # NaN fails the check below like a NaN in the file, so one message serves both
        number = float("nan")
    if not isfinite(number):
        raise DataError(f"{column} is {shown(value)}; expected a number")
    return number


def check_frames(frames: Any) -> None:
    """Check that `frames` is a list of lists of finite numbers, each as long as the first.

    Raises:
        DataError: it is not; the message names the frame, from 1.
    """
    if not isinstance(frames, list) or not all(isinstance(frame, list) for frame in frames):
        raise DataError(f"frames is {shown(frames)}; expected a list of frames, each a list of numbers")
    for i, frame in enumerate(frames, 1):
        if len(frame) != len(frames[0]):
            what = f"frame {i} has {len(frame)} numbers and frame 1 {len(frames[0])}"
            raise DataError(f"{what}; expected one width; correct or remove the record")
        for value in frame:
            if not _is_real(value):
                change = "correct it, or remove the record"
                raise DataError(f"frame {i} holds {shown(value)}; expected finite numbers; {change}")


def of_one_width(records: Iterable[Record], *, source: Source) -> Iterator[Record]:
    """Yield the records whose frames are as wide as the first of the file; the others are faults."""
    width = None
    for record in records:
        found = len(record["frames"][0]) if record.get("frames") else width
        width = found if width is None else width
        if found == width:
            yield record
        else:
            what = f"frames of {found} numbers, and {width} in the records before"
            source.fault(record["line"], f"{what}; expected one width; correct or remove the record")


def shown(value: Any) -> str:
    """Return how messages show a value: its first 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def check_lengths(record: dict[str, Any]) -> None:
    """Check that step columns have one value per token (without tokens, per frame), and that places lie within the record.

    Raises:
        DataError: they do not.
    """
    n_steps = n_steps_of(record)
    assert n_steps is not None
    unit = "token" if "tokens" in record else "frame"
    for name in STEP_COLUMNS:
        if record.get(name) is not None and len(record[name]) != n_steps:
            raise DataError(f"{len(record[name])} {name} for {n_steps} {unit}s; expected one per {unit}")
    for segment in record.get("segments") or ():
        if not 0 <= segment["start"] < segment["end"] <= n_steps:
            raise DataError(f"segment is {segment}; expected 0 <= start < end <= {n_steps}, the number of {unit}s")
    text = record.get("text")
    n_characters = LARGEST_INTEGER if text is None else len(text)
    for start, end in record.get("offsets") or ():
        if not 0 <= start <= end <= n_characters:
            what = f"offsets has [{start}, {end}]; expected 0 <= start <= end <= {n_characters}"
            raise DataError(f"{what}, the length of the text")


def n_steps_of(record: Mapping[str, Any]) -> int | None:
    """Return the number of tokens of a record, without tokens that of its frames; None if it has neither."""
    return next((len(record[name]) for name in ("tokens", "frames") if name in record), None)


def _list_of(is_item: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(is_item, value))


def _is_string(value: Any) -> bool:
    return isinstance(value, str)


def _is_integer(value: Any) -> bool:
    # bool is a subclass of int, so isinstance would accept true and false
    return type(value) is int and abs(value) <= LARGEST_INTEGER


_are_integers = _list_of(_is_integer)


def _is_label(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(label, str) and label for label in value)
    return (isinstance(value, str) and value != "") or type(value) is int


def _span(value: Any) -> Span:
    parts = [value.get(key) for key in Span._fields] if isinstance(value, dict) else value
    if not (
        isinstance(parts, list) and len(parts) == 3 and _are_integers(parts[:2]) and isinstance(parts[2], str) and parts[2]
    ):
        expected = "expected [start, end, label] or an object with these keys, and a label that is not empty"
        raise DataError(f"span is {shown(value)}; {expected}")
    return Span(*parts)


def _may_be_spans(name: str, value: Any) -> bool:
    return name == "label" and isinstance(value, list) and any(isinstance(item, list | dict) for item in value)


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= float_info.max


def _frames(frames: Any) -> Any:
    check_frames(frames)
    return frames


_STRINGS = _Rule(_list_of(_is_string), "a list of strings")
_SPANS = "a list of [start, end, label]"
_RULES = {
    **dict.fromkeys((*STRING_COLUMNS, "tokens_2", "comments", "multiword", "empty_nodes"), _STRINGS),
    "spans": _Rule(_list_of(lambda _: True), _SPANS, lambda spans: [_span(span) for span in spans]),
    "segments": _Rule(_list_of(lambda _: True), _SPANS, lambda spans: [_span(span)._asdict() for span in spans]),
    "heads": _Rule(_list_of(lambda head: head is None or _is_integer(head)), "a list of integers"),
    "frames": _Rule(lambda _: True, "a list of frames, each a list of numbers", _frames),
    "offsets": _Rule(_list_of(lambda pair: _are_integers(pair) and len(pair) == 2), "a list of [start, end]"),
    **dict.fromkeys(("text", "text_2", "tree"), _Rule(_is_string, "a string")),
    # labels may be numbers, such as grades or stars
    "label": _Rule(
        _is_label, "a string or a list of strings, none of them empty", lambda v: v if isinstance(v, list) else str(v)
    ),
    "id": _Rule(lambda value: isinstance(value, str | int | float), "a string or a number", str),
}
"""Record column -> its rule."""
