"""Writers of file formats, and the columns that each format can hold."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, cast, final

from seqlab.data.annotations import TOOLS
from seqlab.data.atomic_write import replacing, to_json
from seqlab.errors import DataError

Record: TypeAlias = Mapping[str, Any]
Target: TypeAlias = Path | Callable[[str], object]
"""A file or folder to write, or a function that receives the lines, such as ``sys.stdout.write``."""

_CONLLU_COLUMNS = ("lemma", "upos", "xpos", "feats", "heads", "deprel", "deps", "misc")
_REBUILT = ("line", "offsets")
"""Columns that readers make themselves."""


class Writer(ABC):
    """Base class: writes records in one format."""

    @abstractmethod
    def held_columns(self, columns: Sequence[str]) -> list[str]:
        """Return those of `columns` that the format can hold; the others are lost."""

    @abstractmethod
    def write(self, records: Iterable[Record], target: Target) -> None:
        """Write `records` to `target`.

        Raises:
            DataError: the format cannot hold a value; the message names the record.
        """


@final
class ConllWriter(Writer):
    """Writes one token per line with tab-separated columns, and a blank line after each record.

    Without tokens, the numbers of a frame are the first columns of its line.

    Args:
        columns: Columns to write, in this order; those that the records lack are skipped.
    """

    def __init__(self, *, columns: Sequence[str]) -> None:
        self._columns = columns

    def held_columns(self, columns: Sequence[str]) -> list[str]:
        frames = [] if "tokens" in columns else ["frames"]
        return [name for name in columns if name in (*self._columns, *frames, *_REBUILT)]

    def write(self, records: Iterable[Record], target: Target) -> None:
        _write_lines((line for record in records for line in self._lines(record)), target)

    def _lines(self, record: Record) -> Iterator[str]:
        names = [name for name in self._columns if name in record]
        columns = [[_cell(value, name, record) for value in record[name]] for name in names]
        if "tokens" not in record and "frames" in record:
            columns.insert(0, ["\t".join(map(str, frame)) for frame in record["frames"]])
        rows = list(zip(*columns, strict=True))
        if not rows:
            raise DataError(
                f"record {record['id']!r} has no tokens or frames; column files cannot hold an empty record; remove it"
            )
        if rows[0][0].startswith("-DOCSTART-"):
            raise DataError(f"record {record['id']!r} starts with -DOCSTART-, which marks documents in column files")
        for row in rows:
            yield "\t".join(row)
        yield ""


@final
class ConlluWriter(Writer):
    """Writes CoNLL-U with `comments`, multiword tokens and empty nodes; `tags` become XPOS if the records have none."""

    def held_columns(self, columns: Sequence[str]) -> list[str]:
        held = ["tokens", "text", "label", "comments", "multiword", "empty_nodes", "id", *_CONLLU_COLUMNS, *_REBUILT]
        has_room = "xpos" not in columns
        return [name for name in columns if name in held or (name == "tags" and has_room)]

    def write(self, records: Iterable[Record], target: Target) -> None:
        _write_lines((line for record in records for line in self._lines(record)), target)

    def _lines(self, record: Record) -> Iterator[str]:
        if not record["tokens"]:
            raise DataError(f"record {record['id']!r} has no tokens; CoNLL-U cannot hold an empty sentence; remove it")
        yield from _comments(record)
        yield from _with_other_lines(list(self._words(record)), record)
        yield ""

    def _words(self, record: Record) -> Iterator[str]:
        empty = ["_"] * len(record["tokens"])
        names = ("tokens", *_CONLLU_COLUMNS)
        # a record's own XPOS takes precedence over its tags
        given = {"xpos": record.get("tags", empty), **record}
        columns = (given.get(name, empty) for name in names)
        for number, row in enumerate(zip(*columns, strict=True), 1):
            cells = ("_" if value is None else _cell(value, name, record) for name, value in zip(names, row, strict=True))
            yield "\t".join((str(number), *cells))


@final
class JsonlWriter(Writer):
    """Writes one object per record with all columns except `line`."""

    def held_columns(self, columns: Sequence[str]) -> list[str]:
        return list(columns)

    def write(self, records: Iterable[Record], target: Target) -> None:
        rows = ({name: value for name, value in record.items() if name != "line"} for record in records)
        _write_lines(map(to_json, rows), target)


@final
class AnnotationWriter(Writer):
    """Writes texts with their spans for an annotation tool; records without a text get their tokens with spaces between.

    Args:
        tool: A name of `TOOLS`.
    """

    def __init__(self, *, tool: str) -> None:
        self._tool = TOOLS[tool]

    def held_columns(self, columns: Sequence[str]) -> list[str]:
        # tags of spans are there as segments
        held = ("id", "text", "tokens", "segments", "label", *(("tags",) if "segments" in columns else ()), *_REBUILT)
        return [name for name in columns if name in held]

    def write(self, records: Iterable[Record], target: Target) -> None:
        complete = (record if record.get("text") is not None else _with_text(record) for record in records)
        if not self._tool.writes_files:
            _write_lines(cast(Callable[[Iterable[Any]], Iterator[str]], self._tool.write)(complete), target)
        elif isinstance(target, Path):
            cast(Callable[[Iterable[Any], Path], None], self._tool.write)(complete, target)
        else:
            raise DataError("this format needs a path, not standard output; give one")


def _with_text(record: Record) -> Record:
    offsets, position = [], 0
    for token in record["tokens"]:
        offsets.append([position, position + len(token)])
        position += len(token) + 1
    return {**record, "text": " ".join(record["tokens"]), "offsets": offsets}


@final
class LinesWriter(Writer):
    """Writes a folder of parallel files: ``seq.in`` (tokens), ``seq.out`` (tags) and ``label``."""

    _FILES: ClassVar[Mapping[str, str]] = {"tokens": "seq.in", "tags": "seq.out", "label": "label"}

    def held_columns(self, columns: Sequence[str]) -> list[str]:
        return [name for name in columns if name in (*self._FILES, *_REBUILT)]

    def write(self, records: Iterable[Record], target: Target) -> None:
        if not isinstance(target, Path):
            raise DataError("parallel files need a folder, not standard output; give one")
        # each file needs all records, but an iterator can be read only once
        rows = list(records)
        target.mkdir(parents=True, exist_ok=True)
        for name, file in self._FILES.items():
            if rows and name in rows[0]:
                _write_lines((_spaced(record[name], name, record) for record in rows), target / file)


def _annotation_writer(_: Sequence[str], *, tool: str) -> Writer:
    return AnnotationWriter(tool=tool)


WRITERS: Mapping[str, Callable[[Sequence[str]], Writer]] = {
    "conll": lambda columns: ConllWriter(columns=columns),
    "conllu": lambda _: ConlluWriter(),
    "jsonl": lambda _: JsonlWriter(),
    "lines": lambda _: LinesWriter(),
    **{tool: partial(_annotation_writer, tool=tool) for tool in TOOLS},
}
"""Formats, and functions that make their writer from the columns of column files, in this order."""


def _write_lines(lines: Iterable[str], target: Target) -> None:
    if not isinstance(target, Path):
        for line in lines:
            target(f"{line}\n")
        return
    try:
        with replacing(target) as unfinished, unfinished.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)
    except OSError as error:
        raise DataError(f"{target}: cannot be written: {error.strerror}; check its folder") from error


def _comments(record: Record) -> Iterator[str]:
    if "comments" in record:
        yield from record["comments"]
        return
    found = {"sent_id": record["id"], "label": record.get("label"), "text": record.get("text")}
    for key, value in found.items():
        if value is not None:
            yield f"# {key} = {_cell(value, key, record)}"


def _with_other_lines(words: list[str], record: Record) -> Iterator[str]:
    """Yield `words`, with multiword tokens before their first word and empty nodes after the word they follow."""
    before: dict[int, list[str]] = {}
    for line in record.get("empty_nodes") or ():
        # CoNLL-U places an empty node 8.1 after word 8, that is before word 9
        before.setdefault(int(line.partition(".")[0]) + 1, []).append(line)
    for line in record.get("multiword") or ():
        before.setdefault(int(line.partition("-")[0]), []).append(line)
    for number, word in enumerate(words, 1):
        yield from before.get(number, ())
        yield word
    yield from before.get(len(words) + 1, ())


def _cell(value: object, name: str, record: Record) -> str:
    text = str(value)
    if isinstance(value, list):
        raise DataError(f"record {record['id']!r}: {name} is {value!r}; the format holds one value; choose jsonl")
    if not text.strip(" ") or "\t" in text or "\n" in text or "\r" in text:
        raise DataError(f"record {record['id']!r}: {name} holds {text!r}, which would break the line; choose jsonl")
    return text


def _spaced(value: str | list[str], name: str, record: Record) -> str:
    if isinstance(value, str):
        return _cell(value, name, record)
    for item in value:
        if not item or " " in item or "\n" in item or "\r" in item:
            raise DataError(f"record {record['id']!r}: {name} holds {item!r}, which spaces split; choose jsonl or conll")
    return " ".join(value)
