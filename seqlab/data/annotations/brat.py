"""BRAT standoff: a folder of texts (``.txt``), each with a file of marks (``.ann``)."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from seqlab.data.annotations.marks import Mark, Row, marked, marks_of
from seqlab.data.readers.source import Report, Source
from seqlab.errors import DataError

_MARK = re.compile(r"T\S+\t(\S+) (\d+ \d+(?:;\d+ \d+)*)\t(.*)")


def read(folder: Path, report: Report, *, discontinuous: str) -> Iterator[Row]:
    """Yield the record of each text; one without a file of marks has no spans, and other kinds of annotation are left out."""
    texts = [folder] if folder.suffix == ".txt" else sorted(folder.glob("*.txt"))
    if not texts:
        raise DataError(f"{folder}: no .txt file; expected a folder of texts, each with an .ann file")
    for path in texts:
        # as bytes: reading as text would turn \\r\\n into one character, and shift all offsets behind it
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: byte {error.start} is not UTF-8; convert the file, e.g. with iconv") from error
        marks_file = path.with_suffix(".ann")
        source = Source(marks_file, report=report)
        lines = source.filled_lines() if marks_file.is_file() else []
        marks = []
        for line, content in lines:
            if content.startswith("T"):
                with source.skipping(line):
                    marks += _marks(content, text, discontinuous=discontinuous)
        with source.skipping(1):
            yield 1, marked(text, marks, id=path.stem)


def _marks(content: str, text: str, *, discontinuous: str) -> list[Mark]:
    found = _MARK.fullmatch(content)
    if found is None:
        raise DataError(f"{content[:80]!r} is no mark; expected an id, a tab, the type and offsets, a tab, and the text")
    label, places, said = found.groups()
    parts = [tuple(map(int, part.split())) for part in places.split(";")]
    covered = " ".join(text[start:end] for start, end in parts)
    if covered.replace("\n", " ") != said:
        raise DataError(f"characters {places} are {covered!r}, but the line says {said!r}; correct the offsets")
    if len(parts) > 1 and discontinuous == "refuse":
        raise DataError(f"{label} {places} has {len(parts)} parts; set data.reader.discontinuous to outer, parts or drop")
    if len(parts) > 1 and discontinuous == "drop":
        return []
    if discontinuous == "outer":
        parts = [(parts[0][0], parts[-1][1])]
    return [Mark(start, end, label) for start, end in parts]


def write(records: Iterable[Any], folder: Path) -> None:
    """Write a text and a file of marks for each record.

    Raises:
        DataError: two records have the same id, or an id is no name of a file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names: set[str] = set()
    for record in records:
        name = str(record["id"])
        if name in names or not re.fullmatch(r"[^/\\\0]+", name) or name.startswith("."):
            raise DataError(f"record id is {name!r}; expected a different name of a file for each record, as BRAT needs")
        names.add(name)
        text, marks = record["text"], marks_of(record)
        for mark in marks:
            if not re.fullmatch(r"\S+", mark.label):
                raise DataError(
                    f"record {name!r} has the label {mark.label!r}; BRAT allows no white space in labels; rename it"
                )
        lines = [
            f"T{number}\t{label} {start} {end}\t{text[start:end].replace(chr(10), ' ')}\n"
            for number, (start, end, label) in enumerate(marks, 1)
        ]
        (folder / f"{name}.txt").write_bytes(text.encode())
        (folder / f"{name}.ann").write_bytes("".join(lines).encode())
