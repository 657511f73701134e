"""Delimited text: rows of cells, as in CSV and TSV files."""

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, final

from seqlab.data.readers.source import Source
from seqlab.errors import ConfigError

_SEPARATOR_LINE = re.compile("[\"']?sep=(.)[\"']?")
_USUAL = ("\t", ",", ";", "|")


@final
class DelimitedText:
    """Reads rows of cells.

    Args:
        separator: The character between cells, or ``auto``: a comma in .csv files, a tab in .tsv files, else `fallback`.
        quote: The character around cells that contain separators or line breaks; None if cells are never quoted.
        fallback: The separator of other files with ``auto``.

    Raises:
        ConfigError: `separator` or `quote` is longer than one character, or empty.
    """

    def __init__(self, *, separator: str, quote: str | None, fallback: str) -> None:
        for name, value in (("separator", separator if separator != "auto" else fallback), ("quote", quote)):
            if value is not None and len(value) != 1:
                raise ConfigError(f"{name} is {value!r}; expected one character, e.g. data.reader.{name}='|'")
        self._separator = separator
        self._quote = quote
        self._fallback = fallback

    def rows(
        self, source: Source, *, columns: Collection[str] | int, keeps_blank: bool = False
    ) -> Iterator[tuple[int, list[str]]]:
        """Yield each row that is not empty, with the number of its first line; a row with broken quotes is a fault.

        With `keeps_blank`, an empty row, or one of empty cells, has no cells.

        With the separator ``auto``, a first line ``sep=;`` names it. Otherwise, if the first row does not have the `columns`
        (without a header: so many), another usual separator with which it has them is used.
        """
        lines = source.lines()
        named = _SEPARATOR_LINE.fullmatch(lines[0]) if lines and self._separator == "auto" else None
        n_skipped = 0 if named is None else 1
        lines = lines[n_skipped:]
        if self._separator == "auto":
            separator = named[1] if named else self._sniffed(lines, source.path.suffix, columns=columns)
        else:
            separator = self._separator
        # `csv` needs the line ends, which may be part of a quoted cell
        reader = self._reader((f"{line}\n" for line in lines), separator)
        while True:
            # `line_num` counts lines, not rows: a quoted cell may span several, and messages name the first of a row
            line = n_skipped + reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                source.fault(line, f"row cannot be read: {error}; check its quotes, or set data.reader.quote=null")
                continue
            if keeps_blank and not any(cell.strip() for cell in cells):
                yield line, []
            elif cells:
                yield line, cells

    def _reader(self, lines: Iterable[str], separator: str) -> Any:
        if self._quote is None:
            return csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE, strict=True)
        return csv.reader(lines, delimiter=separator, quotechar=self._quote, strict=True)

    def _sniffed(self, lines: Sequence[str], suffix: str, *, columns: Collection[str] | int) -> str:
        usual = {".csv": ",", ".tsv": "\t"}.get(suffix, self._fallback)
        # the usual one of the suffix first, so that it wins where several fit
        for separator in (usual, *_USUAL):
            try:
                cells: list[str] = next(self._reader(lines[:1], separator), [])
            except csv.Error:
                continue
            if len(cells) == columns if isinstance(columns, int) else set(columns) <= set(cells):
                return separator
        return usual

    def records(
        self,
        source: Source,
        *,
        settings: Mapping[str, str],
        header: Sequence[str] | None = None,
        keeps_blank: bool = False,
    ) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the first line of each row and its cells by column name; of columns with the same name the first counts.

        A file without a header or rows is a fault, and so is a row of another length than the header.

        Args:
            source: The file.
            settings: The columns that must exist -> the setting of the reader that names them.
            header: The column names of a file without a header row; None if the first row has them.
            keeps_blank: Whether to yield blank rows, without cells.
        """
        rows = self.rows(source, columns=len(header) if header else settings, keeps_blank=keeps_blank)
        start, names = (1, header) if header else next((row for row in rows if row[1]), (1, None))
        if names is None:
            source.fault(1, "the file holds no records; expected a header and one record per row")
            return
        if not has_columns(names, settings, line=start, source=source):
            return
        line = None
        for line, cells in rows:
            if not cells:
                yield line, {}
            elif len(cells) == len(names):
                # reversed, as the last of equal keys counts in a dictionary
                yield line, dict(zip(reversed(names), reversed(cells), strict=True))
            else:
                source.fault(line, f"{len(cells)} column(s); expected {len(names)}, as {list(names)}")
        if line is None:
            source.fault(start, "the file holds no records below its header; expected one record per row")


def has_columns(names: Sequence[str], settings: Mapping[str, str], *, line: int, source: Source) -> bool:
    """Return whether `names` contains all columns in `settings` (column -> setting); report the first one that is missing."""
    for name, setting in settings.items():
        if name not in names:
            source.fault(line, f"no column {name!r} among {list(names)}; set data.reader.{setting}")
            return False
    return True
