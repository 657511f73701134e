"""How lines of text are laid out: in columns of tokens and tags, in rows of a table with a header, or as prose."""

import csv
import re
from collections.abc import Sequence
from statistics import mode

from seqlab.data.readers.source import is_blank, split_spaces

_N_CONLLU_COLUMNS = 10
_REGULAR_SHARE = 0.8
_MAX_REPEATED = 0.5
_SPAN_TAG = re.compile(r"O|[BIESLUMWV][-_].+")
_SYMBOL = re.compile(r"[A-Z][A-Z0-9$|:+-]*|[^\w\s]{1,3}|_")
_HEADER_CELL = re.compile(r"[^\W\d][\w .:/#-]{0,39}")
SEPARATORS = (",", "\t", ";", "|")
"""Separators of tables."""


def is_conllu(filled: Sequence[str]) -> bool:
    """Return whether most lines that are no comments have ten columns and a number first."""
    rows = [line.split("\t") for line in filled if not line.startswith("#")]
    return sum(len(row) == _N_CONLLU_COLUMNS and row[0][:1].isdecimal() for row in rows) > len(rows) / 2


def is_regular_blocks(lines: Sequence[str]) -> bool:
    """Return whether blank lines separate lines with the same number of columns, at least two."""
    widths = [len(_cells(line)) for line in lines if not is_blank(line)]
    return any(map(is_blank, lines[:-1])) and _is_regular(widths)


def is_conll(lines: Sequence[str]) -> bool:
    """Return whether the lines have the same number of columns and the last column looks like tags.

    These are span tags, or few distinct symbols such as parts of speech.
    """
    rows = [_cells(line) for line in lines if not is_blank(line) and not line.startswith(("#", "-DOCSTART-"))]
    if not rows or not _is_regular([len(row) for row in rows]):
        return False
    width = mode(len(row) for row in rows)
    tags = [row[-1] for row in rows if len(row) == width]
    n_spans = sum(_SPAN_TAG.fullmatch(tag) is not None for tag in tags)
    if n_spans > _REGULAR_SHARE * len(tags):
        return True
    n_symbols = sum(_SYMBOL.fullmatch(tag) is not None for tag in tags)
    has_words = any(any(char.islower() for char in row[0]) for row in rows)
    is_repeated = len(set(tags)) <= _MAX_REPEATED * len(tags)
    return has_words and is_repeated and n_symbols > _REGULAR_SHARE * len(tags)


def is_table(text: str) -> bool:
    """Return whether `text` has a header and rows with as many cells."""
    return any(_is_table(text, separator) for separator in SEPARATORS)


def header_separator(line: str) -> str | None:
    """Return the separator that splits `line`, a header, into most cells; None if none does."""
    counts = {separator: line.count(separator) for separator in SEPARATORS}
    best = max(SEPARATORS, key=lambda separator: counts[separator])
    return best if counts[best] else None


def _is_table(text: str, separator: str) -> bool:
    try:
        rows = [row for row in csv.reader(text.splitlines(keepends=True), delimiter=separator) if row]
    except csv.Error:
        return False
    if len(rows) > 2:
        rows.pop()  # the sample may end inside a row
    if len(rows) < 2 or len(rows[0]) < 2:
        return False
    header = rows[0]
    # prose has a space after most commas, and names of columns differ
    is_header = len(set(header)) == len(header) and all(
        _HEADER_CELL.fullmatch(cell) and cell == cell.strip() for cell in header
    )
    # only most rows, because a single damaged row should be reported with its line, not hide the format
    n_equal = sum(len(row) == len(header) for row in rows[1:])
    return is_header and n_equal > _REGULAR_SHARE * (len(rows) - 1)


def _is_regular(widths: Sequence[int]) -> bool:
    return mode(widths) > 1 and widths.count(mode(widths)) > _REGULAR_SHARE * len(widths)


def _cells(line: str) -> list[str]:
    return line.split("\t") if "\t" in line else split_spaces(line)
