"""The annotation tools: how their files are read and written."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from seqlab.data.annotations import brat, doccano, label_studio, offsets_csv, prodigy, spacy_files
from seqlab.data.annotations.marks import CHARACTERS, UTF_16, Row
from seqlab.data.readers.source import Report, Source


class Tool(NamedTuple):
    """A format of one tool."""

    read: Callable[[Path, Report, str, str], Iterator[Row]]
    """(path, report, unit, discontinuous) -> rows."""
    write: Callable[[Iterable[Any]], Iterator[str]] | Callable[[Iterable[Any], Path], None]
    """Records -> lines; with `writes_files`, (records, path) -> nothing."""
    unit: str = CHARACTERS
    """What its offsets count."""
    writes_files: bool = False


def _text(read: Callable[[Source, str], Iterator[Row]]) -> Callable[[Path, Report, str, str], Iterator[Row]]:
    return lambda path, report, unit, discontinuous: read(Source(path, report=report), unit)


def _brat(path: Path, report: Report, unit: str, discontinuous: str) -> Iterator[Row]:
    return brat.read(path, report, discontinuous=discontinuous)


def _binary(path: Path, report: Report, unit: str, discontinuous: str) -> Iterator[Row]:
    return spacy_files.read_binary(path)


TOOLS: Mapping[str, Tool] = {
    "label_studio": Tool(_text(label_studio.read), label_studio.write, UTF_16),
    "doccano": Tool(_text(doccano.read), doccano.write),
    "prodigy": Tool(_text(prodigy.read), prodigy.write),
    "brat": Tool(_brat, brat.write, writes_files=True),
    "spacy": Tool(_binary, spacy_files.write_binary, writes_files=True),
    "spacy_json": Tool(_text(spacy_files.read_json), spacy_files.write_json),
    "offsets_csv": Tool(_text(offsets_csv.read), offsets_csv.write),
}
"""Name -> the format; the names are those of ``conf/data``."""
