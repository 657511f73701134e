"""CoNLL-U (Universal Dependencies): ten columns per word, comments, multiword tokens and empty nodes, all kept."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, final

import datasets

from seqlab.data.readers.base import Reader
from seqlab.data.readers.entities import EntityBrackets
from seqlab.data.readers.source import Report, Source, is_blank, is_number
from seqlab.data.readers.tags import TagConverter, Tagged
from seqlab.data.readers.text import align_words
from seqlab.data.readers.values import shown
from seqlab.data.records import records_from_rows
from seqlab.errors import ConfigError, DataError

log = logging.getLogger(__name__)

WORD_COLUMNS = ("tokens", "lemma", "upos", "xpos", "feats", "heads", "deprel", "deps", "misc")
"""Record columns for columns 2 to 10 of CoNLL-U."""
_N_COLUMNS = 1 + len(WORD_COLUMNS)
_TAG_COLUMNS = tuple(name for name in WORD_COLUMNS if name not in ("tokens", "heads"))
_RANGE_ID = re.compile(r"([1-9][0-9]*)-([1-9][0-9]*)")
_EMPTY_ID = re.compile(r"(0|[1-9][0-9]*)\.[1-9][0-9]*")
_DOCUMENT_KEYS = ("newdoc", "meta::")
_TEXT = ("text", "offsets")


class _Sentence(NamedTuple):
    line: int
    comments: list[str]
    metadata: dict[str, str]
    """The comments of the form ``# key = value``."""
    rows: list[tuple[int, list[str]]]


@final
class ConlluReader(Reader):
    """Reads all columns of CoNLL-U.

    Multiword tokens (``8-9``) and empty nodes (``8.1``) are kept as whole lines in `multiword` and `empty_nodes`, and all
    comments in `comments`. `offsets` point into the ``# text`` comment; they are None if the words do not match it.

    Args:
        tags_column: Column to copy to `tags`: upos, xpos, deprel, lemma, feats, deps or misc; None: no `tags`.
        comment_columns: Key of a comment -> record column, such as ``{"s_type": "label"}``. Comments about a document
            (``newdoc…``, ``meta::…``) apply to all its sentences.
        entity_key: Key of the entity brackets in MISC (``Entity`` in GUM). Entities become `segments`, which may be nested;
            those that do not lie within a sentence are skipped with a warning. None: no `segments`.
        scheme: Span scheme of the tags in the file, checked while reading; None: no check.
        target_scheme: Span scheme to convert the tags to; None: no conversion.
        repair: Whether records that break `scheme` are read leniently, as seqeval does, and encoded again; False: refused.

    Raises:
        ConfigError: a scheme is unknown, or `tags_column` is not a column with strings.
    """

    def __init__(
        self,
        *,
        tags_column: str | None = "upos",
        comment_columns: Mapping[str, str] = MappingProxyType({}),
        entity_key: str | None = None,
        scheme: str | None = None,
        target_scheme: str | None = None,
        repair: bool = False,
    ) -> None:
        if tags_column is not None and tags_column not in _TAG_COLUMNS:
            raise ConfigError(f"tags_column is {tags_column!r}; expected null or one of {', '.join(_TAG_COLUMNS)}")
        self._converter = TagConverter(scheme=scheme, target_scheme=target_scheme, repair=repair)
        self._tags_column = tags_column
        self._comment_columns = comment_columns
        self._entity_key = entity_key

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        source = Source(path, report=report)
        read: list[Tagged] = []
        document: dict[str, str] = {}
        entities = None if self._entity_key is None else EntityBrackets(key=self._entity_key, source=source)
        sentences = list(_sentences(source.lines()))
        if not sentences:
            source.fault(1, "the file holds no sentences; expected ten tab-separated columns per word")
        for number, sentence in enumerate(sentences, 1):
            document = _document_keys(sentence.metadata, document)
            words = _words(sentence, source=source, entities=entities)
            if words is not None:
                record = {"id": sentence.metadata.get("sent_id", f"{path.stem}-{number}"), "line": sentence.line, **words}
                with source.skipping(sentence.line):
                    read.append((record | self._chosen(document | sentence.metadata, words), _word_lines(sentence)))
        records = list(self._converter.converted(read, source=source))
        if entities is not None and (left_out := entities.left_out()):
            log.warning("%s: skipped entities that do not lie within a sentence: %s", path, left_out)
        # without any text, the columns would hold nothing but null
        if not any(record["text"] for record in records):
            records = [{name: value for name, value in record.items() if name not in _TEXT} for record in records]
        return records_from_rows(records)

    def _chosen(self, metadata: dict[str, str], words: dict[str, Any]) -> dict[str, Any]:
        chosen: dict[str, Any] = {column: metadata.get(key) for key, column in self._comment_columns.items()}
        for key, column in self._comment_columns.items():
            if column == "label" and key not in metadata:
                what = f"no comment '# {key} = …' for the label, only {sorted(metadata)}"
                raise DataError(f"{what}; set data.reader.comment_columns")
        if self._tags_column is not None:
            chosen["tags"] = words[self._tags_column]
        return chosen | _text(metadata.get("text"), words)


def _sentences(lines: list[str]) -> Iterator[_Sentence]:
    for is_border, group in groupby(enumerate(lines, 1), key=lambda numbered: is_blank(numbered[1])):
        if not is_border:
            block = list(group)
            comments = [line for _, line in block if line.startswith("#")]
            rows = [(number, line.split("\t")) for number, line in block if not line.startswith("#")]
            yield _Sentence(block[0][0], comments, dict(map(_key_value, comments)), rows)


def _key_value(comment: str) -> tuple[str, str]:
    key, _, value = comment.lstrip("#").partition("=")
    return key.strip(" "), value.strip(" ")


def _word_lines(sentence: _Sentence) -> list[int]:
    return [line for line, cells in sentence.rows if cells[0].isdecimal()]


def _document_keys(metadata: dict[str, str], document: dict[str, str]) -> dict[str, str]:
    own = {key: value for key, value in metadata.items() if key.startswith(_DOCUMENT_KEYS)}
    # a new document ends the validity of all comments about the previous one
    starts_document = any(key.startswith("newdoc") for key in own)
    return own if starts_document else document | own


def head_numbers(cells: Sequence[str]) -> list[int | None]:
    """Parse the HEAD column; `_` becomes None."""
    return [None if cell == "_" else int(cell) for cell in cells]


def _words(sentence: _Sentence, *, source: Source, entities: EntityBrackets | None) -> dict[str, Any] | None:
    """Return the columns of a sentence, or None after reporting faults."""
    if not _rows_sound(sentence, source=source):
        return None
    words = [cells for _, cells in sentence.rows if cells[0].isdecimal()]
    others = [cells for _, cells in sentence.rows if not cells[0].isdecimal()]
    values: dict[str, Any] = dict(zip(WORD_COLUMNS, list(zip(*words, strict=True))[1:], strict=True))
    values["heads"] = head_numbers(values["heads"])
    values["multiword"] = ["\t".join(cells) for cells in others if "-" in cells[0]]
    values["empty_nodes"] = ["\t".join(cells) for cells in others if "." in cells[0]]
    values["comments"] = sentence.comments
    if entities is not None:
        values["segments"] = entities.read(sentence.rows, sentence.metadata)
        return None if values["segments"] is None else values
    return values


def _rows_sound(sentence: _Sentence, *, source: Source) -> bool:
    n_words = sum(cells[0].isdecimal() for _, cells in sentence.rows)
    is_sound = n_words > 0
    if not is_sound:
        source.fault(sentence.line, "sentence without words; expected at least one line with a plain integer id")
    expected = count(1)
    for line, cells in sentence.rows:
        what = _row_fault(cells, expected=expected, n_words=n_words)
        # all faults of a sentence are reported, not only the first, for the data doctor
        if what is not None:
            source.fault(line, what)
            is_sound = False
    return is_sound


def _row_fault(cells: list[str], *, expected: Iterator[int], n_words: int) -> str | None:
    if len(cells) != _N_COLUMNS:
        next(expected)
        return f"{len(cells)} tab-separated column(s); expected {_N_COLUMNS}: {cells}"
    word_id, head = cells[0], cells[6]
    if not cells[0].isdecimal():
        return _other_fault(word_id, n_words)
    # compared as strings: 01 is not a valid id
    if word_id != str(next_id := next(expected)):
        return f"id is {word_id[:80]}; expected {next_id}, one more than that of the word before"
    if "" in cells:
        return f"column {cells.index('') + 1} is empty; expected a value, or `_`"
    if head != "_" and not is_number(head, most=n_words):
        return f"head is {shown(head)}; expected 0 to {n_words}, or `_`"
    return None


def _other_fault(word_id: str, n_words: int) -> str | None:
    if _EMPTY_ID.fullmatch(word_id):
        return None
    ends = _RANGE_ID.fullmatch(word_id)
    if ends and all(is_number(end, most=n_words) for end in ends.groups()) and int(ends[1]) < int(ends[2]):
        return None
    return f"id is {shown(word_id)}; expected a number, a range (8-9, within the sentence) or an empty node (8.1)"


def _text(text: str | None, words: dict[str, Any]) -> dict[str, Any]:
    if text is None:
        return {"text": None, "offsets": None}
    ranges = {}
    for line in words["multiword"]:
        cells = line.split("\t")
        first, _, last = cells[0].partition("-")
        ranges[int(first) - 1] = (int(last), cells[1], cells[9])
    return {"text": text, "offsets": align_words(text, words["tokens"], misc=words["misc"], ranges=ranges)}
