"""Findings, and the checks of valid records that yield them in file order."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, final

from seqlab.data.schemes import Scheme

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
# soft hyphen, zero-width and bidirectional characters, line separators, byte order mark, replacement character
_ODD = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufffd]")
_TEXT_COLUMNS = ("tokens", "tags")
_BARE_PREFIX = re.compile("[BIESLU]-")
_N_LINES_SHOWN = 5


Severity = Literal["error", "warning"]
"""An error makes training wrong or impossible; a warning may be intended."""


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """An error or oddity at `line` (counted from 1) of `path`; `kind` groups similar findings."""

    kind: str
    severity: Severity
    path: Path
    line: int
    message: str
    others: tuple[int, ...] = ()
    """Lines of further records with the same fault, which `message` counts."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.severity}: {self.message}"


class Rows(NamedTuple):
    """The columns of the records of one file."""

    path: Path
    columns: dict[str, list[Any]]
    has_line_per_step: bool

    def line(self, record: int, step: int = 0) -> int:
        """Return the line of a step, or that of its record if a line has more than one step."""
        line: int = self.columns["line"][record]
        return line + step if self.has_line_per_step else line

    def finding(self, kind: str, severity: Severity, line: int, message: str, *, others: Sequence[int] = ()) -> Finding:
        """Return a finding in this file."""
        return Finding(kind, severity, self.path, line, message, tuple(others))


def tag_violations(rows: Rows, scheme: Scheme, *, left_open: Set[str]) -> Iterator[Finding]:
    """Yield all tags that break `scheme`, in the records without a tag in `left_open`."""
    valid: set[tuple[str, ...]] = set()  # most records share their tags with others
    for record, tags in enumerate(rows.columns["tags"]):
        if tuple(tags) in valid or not left_open.isdisjoint(tags):
            continue
        violations = scheme.violations(tags)
        if not violations:
            valid.add(tuple(tags))
        for violation in violations:
            yield rows.finding("tags", "error", rows.line(record, violation.step), violation.describe(scheme.name))


def odd_characters(rows: Rows) -> Iterator[Finding]:
    """Yield empty tokens and tags, control characters and invisible characters."""
    for name in _TEXT_COLUMNS:
        for record, values in enumerate(rows.columns.get(name, ())):
            joined = "".join(values)
            # a fast way out: hardly any record of most corpora has such a character
            if all(values) and (joined.isascii() and joined.isprintable()):
                continue
            for step, value in enumerate(values):
                yield from _odd_value(rows, name, value, line=rows.line(record, step))


def _odd_value(rows: Rows, name: str, value: str, *, line: int) -> Iterator[Finding]:
    what = f"{name.removesuffix('s')} {value!r}"
    if not value:
        yield rows.finding("empty", "error", line, f"{what} is empty")
    elif found := _CONTROL.search(value):
        yield rows.finding("control", "error", line, f"{what} holds the control character {_name(found[0])}")
    elif value.isspace():
        yield rows.finding("odd", "warning", line, f"{what} is only white space")
    elif found := _ODD.search(value):
        yield rows.finding("odd", "warning", line, f"{what} holds {_name(found[0])}")


def _name(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip()


def unaligned_texts(rows: Rows) -> Iterator[Finding]:
    """Yield the records whose tokens do not match their text."""
    columns = rows.columns
    for record, (text, offsets) in enumerate(zip(columns.get("text", ()), columns.get("offsets", ()), strict=True)):
        if text is not None and offsets is None:
            what = f"the tokens do not match the text {text!r}, so they have no character offsets"
            yield rows.finding("text", "warning", rows.line(record), what)


def empty_records(rows: Rows) -> Iterator[Finding]:
    """Yield the records without tokens, or without frames where there are no tokens."""
    name = next((name for name in ("tokens", "frames") if name in rows.columns), None)
    for record, steps in enumerate(rows.columns[name] if name else ()):
        if not steps:
            yield rows.finding("empty", "warning", rows.line(record), f"record without {name}")


def duplicates(rows: Rows) -> Iterator[Finding]:
    """Yield records with the same tokens as an earlier one (a conflict if labelled differently), and repeated ids.

    All records with the same tokens are one finding of each kind.
    """
    columns = rows.columns
    answers = [columns[name] for name in ("tags", "label", "segments") if name in columns]
    groups: dict[tuple[int, bool], list[int]] = {}
    for first, record, tokens in _repeats(map(tuple, columns.get("tokens", ()))):
        if tokens:
            groups.setdefault((first, all(answer[first] == answer[record] for answer in answers)), []).append(record)
    for (first, is_same), repeats in groups.items():
        line, *others = map(rows.line, repeats)
        kind, what = ("duplicate", "same as") if is_same else ("conflict", "labelled differently than")
        where = f"the record at line {rows.line(first)}: {_excerpt(columns['tokens'][first])}"
        yield rows.finding(kind, "warning", line, f"{what} {where}{_more(others)}", others=others)
    for first, record, name in _repeats(columns["id"]):
        what = f"id {name!r} is also that of the record at line {rows.line(first)}"
        yield rows.finding("id", "error", rows.line(record), what)


def _more(lines: Sequence[int]) -> str:
    if not lines:
        return ""
    shown = ", ".join(map(str, lines[:_N_LINES_SHOWN]))
    return f"; and {len(lines):,} more, at line {shown}{', …' if len(lines) > _N_LINES_SHOWN else ''}"


def bare_prefixes(rows: Rows) -> Iterator[Finding]:
    """Yield tags that are a prefix and a hyphen without a label (``B-``)."""
    for record, tags in enumerate(rows.columns["tags"]):
        for step, tag in enumerate(tags):
            if _BARE_PREFIX.fullmatch(tag):
                yield rows.finding("tags", "error", rows.line(record, step), f"tag {tag!r} has no label; expected {tag}LABEL")


def _repeats(values: Iterable[Any]) -> Iterator[tuple[int, int, Any]]:
    """Yield each value that occurred before, with the indices of its first occurrence and of this one."""
    first_of: dict[Any, int] = {}
    for index, value in enumerate(values):
        first = first_of.setdefault(value, index)
        if first != index:
            yield first, index, value


def _excerpt(tokens: Sequence[str]) -> str:
    text = " ".join(tokens)
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
