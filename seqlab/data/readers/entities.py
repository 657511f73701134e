"""Entity brackets in the MISC column of CoNLL-U, as in GUM and CorefUD."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeAlias, final

from seqlab.data.readers.source import Source

Row: TypeAlias = tuple[int, list[str]]
"""Line number and its ten cells."""
Segment: TypeAlias = dict[str, int | str | None]
"""`start`, `end` and `label` of an entity; the label is None for an entity without a type."""

_BRACKETS = re.compile(r"\(([^()]+)(\))?|([^()]+)\)")
_PART = re.compile(r".+\[([0-9]+)/([0-9]+)\]")
_TYPE, _GROUPS = "etype", ("GRP", "eid")


@final
class EntityBrackets:
    """Converts entity brackets to segments of words, outer segments before inner ones.

    ``Entity=(7-person-new(8-place-new)`` opens entity 7, and opens and closes entity 8; ``Entity=7)`` closes the last open 7.
    The comment ``# global.Entity = GRP-etype-…`` names the parts between the dashes, until the next such comment. Entities that
    cross a sentence boundary, consist of several parts (``7[1/2]``) or have no words are skipped and counted.

    Args:
        key: Key of the brackets in MISC.
        source: The file, for faults.
    """

    def __init__(self, *, key: str, source: Source) -> None:
        self._key = key
        self._source = source
        self._fields: list[str] | None = None
        self._left_out: Counter[str] = Counter()

    def read(self, rows: Sequence[Row], comments: Mapping[str, str]) -> list[Segment] | None:
        """Return the entities of a sentence, or None after reporting a fault."""
        header = comments.get(f"global.{self._key}")
        self._fields = self._fields if header is None else header.split("-")
        sentence = _Brackets()
        n_words = 0
        for line, cells in rows:
            is_word = cells[0].isdecimal()
            value = _value(cells[-1], key=self._key)
            fault = None if value is None else self._take(value, sentence, start=n_words, end=n_words + is_word)
            if fault is not None:
                self._source.fault(line, f"{self._key} is {value!r}: {fault}")
                return None
            n_words += is_word
        sentence.left_out["not closed in their sentence"] += sum(map(len, sentence.opened.values()))
        self._left_out += sentence.left_out
        # outer before inner: the longest first among those with the same start
        found = sorted(sentence.closed, key=lambda entity: (entity[0], -entity[1]))
        return [{"start": start, "end": end, "label": label} for start, end, label in found]

    def left_out(self) -> str:
        """Return the numbers of skipped entities by reason, such as ``2 of several parts``; empty if there are none."""
        return ", ".join(f"{count:,} {why}" for why, count in sorted(self._left_out.items()))

    def _take(self, value: str, sentence: "_Brackets", *, start: int, end: int) -> str | None:
        """Add the brackets of one row, whose word is `start` to `end`; return what is wrong with them."""
        brackets = list(_BRACKETS.finditer(value))
        # what the brackets leave over is text that belongs to none of them
        if not value or "".join(bracket[0] for bracket in brackets) != value:
            return "expected brackets such as (7-person-new, 7) or (7-person-new)"
        for opening, is_closed, closing in (bracket.groups() for bracket in brackets):
            if closing is not None:
                sentence.close(closing, end=end)
                continue
            if self._fields is None or _TYPE not in self._fields or self._fields[0] not in _GROUPS:
                found = "there is none" if self._fields is None else f"found {'-'.join(self._fields)}"
                return f"expected a comment '# global.{self._key} = {_GROUPS[0]}-{_TYPE}-…' before it; {found}"
            values = dict(zip(self._fields, opening.split("-"), strict=False))
            if _TYPE not in values:
                return f"{opening!r} has no {_TYPE}; expected {'-'.join(self._fields)}"
            sentence.opened.setdefault(values[self._fields[0]], []).append((start, values[_TYPE] or None))
            if is_closed:
                sentence.close(values[self._fields[0]], end=end)
        return None


@final
class _Brackets:
    """Open and closed entities of a sentence."""

    def __init__(self) -> None:
        self.opened: dict[str, list[tuple[int, str | None]]] = {}
        """Group -> start and label of its open entities; a group may be open several times, nested."""
        self.closed: list[tuple[int, int, str | None]] = []
        self.left_out: Counter[str] = Counter()

    def close(self, group: str, *, end: int) -> None:
        part = _PART.fullmatch(group)
        if not self.opened.get(group):
            self.left_out["not opened in their sentence"] += 1
            return
        start, label = self.opened[group].pop()
        if part is not None:
            self.left_out["of several parts"] += part[1] == "1"  # counts an entity once, at its first part
        elif start == end:
            self.left_out["of no word"] += 1
        else:
            self.closed.append((start, end, label))


def _value(misc: str, *, key: str) -> str | None:
    prefix = f"{key}="
    return next((item.removeprefix(prefix) for item in misc.split("|") if item.startswith(prefix)), None)
