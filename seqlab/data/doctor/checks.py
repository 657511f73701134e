"""Checks of valid records; each yields findings in file order."""

import re
import unicodedata
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any, NamedTuple

from seqlab.data.doctor.findings import Finding, Severity
from seqlab.data.schemes import Scheme

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
# soft hyphen, zero-width and bidirectional characters, line separators, byte order mark, replacement character
_ODD = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufffd]")
_TEXT_COLUMNS = ("tokens", "tags")


class Rows(NamedTuple):
    """The columns of the records of one file."""

    path: Path
    columns: dict[str, list[Any]]
    has_line_per_step: bool

    def line(self, record: int, step: int = 0) -> int:
        """Return the line of a step, or that of its record if a line has more than one step."""
        line: int = self.columns["line"][record]
        return line + step if self.has_line_per_step else line

    def finding(self, kind: str, severity: Severity, line: int, message: str) -> Finding:
        """Return a finding in this file."""
        return Finding(kind, severity, self.path, line, message)


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
    """Yield the records without tokens."""
    for record, tokens in enumerate(rows.columns["tokens"]):
        if not tokens:
            yield rows.finding("empty", "warning", rows.line(record), "record without tokens")


def duplicates(rows: Rows) -> Iterator[Finding]:
    """Yield records with the same tokens as an earlier one (a conflict if labelled differently), and repeated ids."""
    columns = rows.columns
    answers = [columns[name] for name in ("tags", "label", "segments") if name in columns]
    first_of: dict[tuple[str, ...], int] = {}
    for record, tokens in enumerate(columns["tokens"]):
        first = first_of.setdefault(tuple(tokens), record)
        if first == record or not tokens:
            continue
        where = f"the record at line {rows.line(first)}: {_excerpt(tokens)}"
        if all(answer[first] == answer[record] for answer in answers):
            yield rows.finding("duplicate", "warning", rows.line(record), f"same as {where}")
        else:
            yield rows.finding("conflict", "warning", rows.line(record), f"labelled differently than {where}")
    yield from _duplicate_ids(rows)


def _duplicate_ids(rows: Rows) -> Iterator[Finding]:
    first_of: dict[str, int] = {}
    for record, name in enumerate(rows.columns["id"]):
        first = first_of.setdefault(name, record)
        if first != record:
            what = f"id {name!r} is also that of the record at line {rows.line(first)}"
            yield rows.finding("id", "error", rows.line(record), what)


def _excerpt(tokens: list[str]) -> str:
    text = " ".join(tokens)
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
