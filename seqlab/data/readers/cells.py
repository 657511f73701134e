"""Rows of text files whose columns a character keeps apart."""

import csv
from collections.abc import Iterator

from seqlab.data.readers.source import Source
from seqlab.errors import ConfigError


def check_characters(*, separator: str, quote: str | None) -> None:
    """Refuse a separator or a quote of several characters; a separator may be auto."""
    for name, value in (("separator", separator if separator != "auto" else ","), ("quote", quote or '"')):
        if len(value) != 1:
            raise ConfigError(f"{name} is {value!r}; expected one character; e.g. data.reader.{name}='|'")


def text_rows(source: Source, *, separator: str, quote: str | None) -> Iterator[tuple[int, list[str]]]:
    """Yield the line where each row begins, and its cells; a row that breaks the quoting is a fault.

    A `separator` of auto is a tab for .tsv, else a comma. `quote` None: no quoting.
    """
    if separator == "auto":
        separator = "\t" if source.path.suffix == ".tsv" else ","
    lines = (f"{line}\n" for line in source.lines())
    if quote is None:
        reader = csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE, strict=True)
    else:
        reader = csv.reader(lines, delimiter=separator, quotechar=quote, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            source.fault(line, f"row cannot be read: {error}; check its quotes, or set data.reader.quote=null")
            continue
        if cells:
            yield line, cells
