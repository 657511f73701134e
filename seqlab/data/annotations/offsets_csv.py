"""CSV with a row for each span: `id`, `text`, `start`, `end`, `label`; a text without spans has one row without these."""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any

from seqlab.data.annotations.marks import UTF_16, Mark, Row, Utf16, marked, marks_of
from seqlab.data.readers.source import Source
from seqlab.errors import DataError

COLUMNS = ("id", "text", "start", "end", "label")


def read(source: Source, unit: str) -> Iterator[Row]:
    """Yield the first line and the record of each text; rows of one id stand together."""
    source.lines()  # reports what is not UTF-8; line ends inside quotes must stay as they are
    with source.path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        yield from _read(file, source, unit)


def _read(lines: Iterable[str], source: Source, unit: str) -> Iterator[Row]:
    reader = csv.DictReader(lines)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        source.fault(1, f"no column {', '.join(missing)}; expected a header with {', '.join(COLUMNS)}")
        return
    record: tuple[int, str, str, list[Mark]] | None = None
    seen: set[str] = set()
    line = 2
    for row in reader:
        with source.skipping(line):
            if record is None or row["id"] != record[1]:
                if record is not None:
                    yield record[0], marked(record[2], record[3], id=record[1])
                if row["id"] in seen:
                    raise DataError(f"id {row['id']!r} occurs again, after other ids; put its rows together")
                seen.add(row["id"])
                record = line, row["id"], row["text"], []
            if row["text"] != record[2]:
                raise DataError(
                    f"id {row['id']!r} has another text than on line {record[0]}; expected the same in all its rows"
                )
            record[3].extend(_marks(row, unit))
        line = reader.line_num + 1
    if record is not None:
        with source.skipping(record[0]):
            yield record[0], marked(record[2], record[3], id=record[1])


def _marks(row: dict[str, str], unit: str) -> Iterator[Mark]:
    if not (row["start"] or row["end"] or row["label"]):
        return
    try:
        start, end = int(row["start"]), int(row["end"])
    except (TypeError, ValueError):
        raise DataError(f"start is {row['start']!r} and end {row['end']!r}; expected whole numbers") from None
    if not row["label"]:
        raise DataError(f"span [{start}, {end}] has no label")
    place = Utf16(row["text"]).characters if unit == UTF_16 else int
    yield Mark(place(start), place(end), row["label"])


def write(records: Iterable[Any]) -> Iterator[str]:
    """Yield the lines of the file."""
    yield _line(COLUMNS)
    for record in records:
        rows: list[tuple[Any, ...]] = [*marks_of(record)] or [("", "", "")]
        yield from (_line([record["id"], record["text"], *row]) for row in rows)


def _line(cells: Iterable[Any]) -> str:
    buffer = StringIO()
    csv.writer(buffer).writerow(cells)  # its line end decides what is quoted, so it is cut off afterwards
    return buffer.getvalue().removesuffix("\r\n")
