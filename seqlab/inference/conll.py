"""Read CoNLL lines for labelling, keeping every line so that it can be written back."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import mode
from typing import Any, final

from seqlab.data.readers.conllu import WORD_COLUMNS, head_numbers
from seqlab.data.readers.source import is_blank, is_number
from seqlab.data.readers.values import LARGEST_INTEGER, shown
from seqlab.errors import ConfigError, DataError, shortened
from seqlab.inference.inputs import Chunk, ConllLine, LineFormat, Record
from seqlab.inference.lines import Line, without_mark

CONLLU_COLUMNS = {name: i for i, name in enumerate(WORD_COLUMNS, 1)}
DOCUMENT = "-DOCSTART-"
"""Start of a line between two documents."""
_MIN_COUNTED = 5
"""Tokens that must be the numbers 1, 2, 3 … of their sentences before they are refused."""
_SEPARATORS = {"tab": "\t", "space": " "}


@final
@dataclass
class ConllFormat(LineFormat):
    """One token per line in columns, with a blank line or document start after each sequence.

    Args:
        columns: Column index of each record column, from 0; negative ones count from the end.
        separator: `auto` (tab if most lines of the first sentences have one, else space), `tab`, `space` (one or more), or the
            separator itself.
        comment_prefix: Lines that start with it are passed through; None means that there are no comments.
        has_ids: The first column numbers the words. Lines whose number is not plain (8-9, 8.1) are no words: they get the label
            `_`.
        has_heads: The column `heads` holds numbers.
    """

    columns: Mapping[str, int]
    separator: str
    comment_prefix: str | None
    has_ids: bool
    has_heads: bool

    @classmethod
    def conllu(cls, *, needed: Collection[str]) -> "ConllFormat":
        """Return the format of Universal Dependencies; heads are read only if they are `needed`."""
        has_heads = "heads" in needed
        return cls(columns=CONLLU_COLUMNS, separator="tab", comment_prefix="#", has_ids=True, has_heads=has_heads)

    def chunks(self, lines: Iterable[list[Line]], *, name: str) -> Iterator[Chunk]:
        """Yield the sentences that each chunk completes, and the last one at the end of the stream."""
        separator = _SEPARATORS.get(self.separator, self.separator)
        waiting: list[Line] = []
        for chunk in lines:
            # Until a line with columns has come, the separator stays open.
            if separator == "auto":
                separator = self._sniffed([*waiting, *chunk])
            # All lines up to the last one that ends a sentence.
            n_complete = next((i for i in range(len(chunk), 0, -1) if _ends_sentence(without_mark(chunk[i - 1]))), 0)
            if n_complete:
                yield self._chunk([*waiting, *chunk[:n_complete]], separator=separator, name=name)
                waiting = []
            waiting += chunk[n_complete:]
        if waiting:
            yield self._chunk(waiting, separator=separator, name=name)

    def _is_comment(self, text: str) -> bool:
        return self.comment_prefix is not None and text.startswith(self.comment_prefix)

    def _sniffed(self, lines: list[Line]) -> str:
        texts = (without_mark(line) for line in lines)
        # Blank lines and comments say nothing about the separator.
        has_tab = ["\t" in text for text in texts if not _ends_sentence(text) and not self._is_comment(text)]
        return ("\t" if mode(has_tab) else " ") if has_tab else "auto"

    def _chunk(self, lines: list[Line], *, separator: str, name: str) -> Chunk:
        records: list[Record] = []
        seen: list[ConllLine] = []
        rows: list[dict[str, str]] = []
        start = width = 0
        for line in lines:
            text = without_mark(line)
            has_columns = not _ends_sentence(text) and not self._is_comment(text)
            cells = _cells(text, separator) if has_columns else []
            # CoNLL-U has ranges (8-9) and empty nodes (8.1) among the words.
            is_token = has_columns and not (self.has_ids and _is_no_word(cells, where=f"{name}:{line.number}"))
            seen.append(ConllLine(line.text, line.end, is_token, has_columns))
            if is_token:
                width = self._width(cells, width, separator=separator, where=f"{name}:{line.number}")
                # A record is named by the line of its first token.
                start = start if rows else line.number
                rows.append(self._row(cells, where=f"{name}:{line.number}"))
            elif rows and not has_columns and not self._is_comment(text):
                records.append(self._record(rows, line=start))
                rows = []
        # A file may end without a blank line.
        if rows:
            records.append(self._record(rows, line=start))
        self._check_tokens(records, name=name)
        return Chunk(records, seen, separator)

    def _check_tokens(self, records: list[Record], *, name: str) -> None:
        """Refuse numbers of words as tokens: those of each sentence count from 1."""
        tokens = [record["tokens"] for record in records]
        is_counted = all(row == [str(i) for i in range(1, len(row) + 1)] for row in tokens)
        if is_counted and sum(map(len, tokens)) >= _MIN_COUNTED:
            column = self.columns["tokens"]
            what = f"tokens is column {column}, which counts 1, 2, 3 … in each sentence"
            raise DataError(f"{name}:{records[0]['line']}: {what}; set --columns tokens={column + 1}")

    def _width(self, cells: list[str], width: int, *, separator: str, where: str) -> int:
        """Return the number of cells; with spaces that were not asked for, other lines must have as many."""
        if self.separator == "auto" and separator == " " and width not in (0, len(cells)):
            what = shortened(f"{len(cells)} column(s); expected {width}, as the lines before: {cells}")
            raise DataError(f"{where}: {what}; for raw text, set --format text")
        return len(cells)

    def _row(self, cells: list[str], *, where: str) -> dict[str, str]:
        row = {}
        for column, index in self.columns.items():
            if not -len(cells) <= index < len(cells):
                has = shortened(f"the line has only {len(cells)}: {cells}")
                raise DataError(f"{where}: {column} is column {index}, but {has}; set --columns")
            row[column] = cells[index]
            # An empty cell is a sign of a wrong separator.
            if not row[column]:
                raise DataError(f"{where}: {column} (column {index}) is empty; expected a value in each column that is read")
        if self.has_heads and not (row["heads"] == "_" or is_number(row["heads"], most=LARGEST_INTEGER)):
            raise DataError(f"{where}: heads is {shown(row['heads'])}; expected the number of a word, 0 for the root")
        return row

    def _record(self, rows: list[dict[str, str]], *, line: int) -> Record:
        values: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in self.columns}
        if self.has_heads:
            values["heads"] = head_numbers(values["heads"])
        return {"line": line, **values}


def conll_format(reader: Mapping[str, Any], *, columns: Mapping[str, int] | None, needed: Collection[str]) -> ConllFormat:
    """Return the layout that a reader's config describes; for readers of other formats, tokens in column 0.

    `columns` overrides the columns of the reader. Only the tokens and the `needed` columns are read.
    """
    known = reader if "separator" in reader and "columns" in reader else {}
    chosen = columns or known.get("columns") or {"tokens": 0}
    return ConllFormat(
        columns={name: index for name, index in chosen.items() if name == "tokens" or name in needed},
        separator=known.get("separator", "auto"),
        comment_prefix=known.get("comment_prefix"),
        has_ids=False,
        has_heads="heads" in chosen and "heads" in needed,
    )


def parse_columns(text: str) -> dict[str, int]:
    """Parse columns such as `tokens=0,upos=3`.

    Raises: ConfigError for anything else.
    """
    if not re.fullmatch(r"\w+=-?\d+(,\w+=-?\d+)*", text) or "tokens=" not in text:
        raise ConfigError(f"--columns is {text!r}; expected column numbers from 0, such as tokens=0 or tokens=1,upos=3")
    return {name: int(index) for name, _, index in (pair.partition("=") for pair in text.split(","))}


def _is_no_word(cells: list[str], *, where: str) -> bool:
    """Return whether a line of CoNLL-U is a range (8-9) or an empty node (8.1)."""
    if not re.fullmatch(r"\d+([-.]\d+)?", cells[0]):
        raise DataError(f"{where}: {cells[0]!r:.80} is not the number of a word; expected ten columns of CoNLL-U; set --format")
    return not cells[0].isdecimal()


def _ends_sentence(text: str) -> bool:
    return is_blank(text) or text.startswith(DOCUMENT)


def _cells(text: str, separator: str) -> list[str]:
    return [cell for cell in text.split(" ") if cell] if separator == " " else text.split(separator)
