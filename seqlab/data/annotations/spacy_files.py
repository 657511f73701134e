"""spaCy: its binary files (``.spacy``, a `DocBin`), its JSON of version 2, and lists of ``[text, {"entities": …}]``."""

import json
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from seqlab.data.annotations.documents import value_of
from seqlab.data.annotations.marks import Mark, Row, marked, marks_of
from seqlab.data.atomic_write import replacing, to_json
from seqlab.data.readers.source import Source
from seqlab.data.readers.values import shown
from seqlab.data.schemes import get_scheme
from seqlab.errors import ConfigError, DataError
from seqlab.types import Span

_BILUO = "BILOU"
"""Our name of the scheme that spaCy calls BILUO."""


def read_json(source: Source, unit: str) -> Iterator[Row]:
    """Yield the records of all paragraphs, or of all pairs of a text and its entities."""
    try:
        content = json.loads("\n".join(source.lines()))
    except (ValueError, RecursionError) as error:
        source.fault(1, f"not JSON: {error}; expected the training data of spaCy")
        return
    for number, item in enumerate(content if isinstance(content, list) else [content], 1):
        with source.skipping(1):
            try:
                yield from ((1, record) for record in (_pair(item) if isinstance(item, list) else _document(item)))
            except DataError as error:
                raise DataError(f"document {number}: {error}") from error


def _pair(item: list[Any]) -> Iterator[dict[str, Any]]:
    text = value_of(item, 0, expected=str)
    found = value_of(item, 1, "entities", expected=list, default=[])
    for one in found:
        if not (isinstance(one, list) and len(one) >= 3 and [type(part) for part in one[:3]] == [int, int, str]):
            raise DataError(f"entity is {shown(one)}; expected [start, end, label]")
    yield marked(text, [Mark(*one[:3]) for one in found]) | _label(value_of(item, 1, "cats", expected=dict, default={}))


def _document(item: Any) -> Iterator[dict[str, Any]]:
    for paragraph in value_of(item, "paragraphs", expected=list):
        tokens = [
            token for one in value_of(paragraph, "sentences", expected=list) for token in value_of(one, "tokens", expected=list)
        ]
        words = [value_of(token, "orth", expected=str) for token in tokens]
        text, offsets = _placed(words, value_of(paragraph, "raw", expected=str, default=" ".join(words)))
        tags = [value_of(token, "ner", expected=str, default="O") for token in tokens]
        scheme = get_scheme(_BILUO)
        spans = scheme.spans(["O" if tag == "-" else tag for tag in tags])
        marks = [Mark(offsets[start][0], offsets[end - 1][1], label) for start, end, label in spans]
        cats = {one["label"]: one["value"] for one in value_of(paragraph, "cats", expected=list, default=[])}
        others = {"id": str(item["id"])} if "id" in item and len(item["paragraphs"]) == 1 else {}
        yield marked(text, marks, offsets=offsets, **others) | _label(cats)


def _placed(words: list[str], text: str) -> tuple[str, list[list[int]]]:
    position, offsets = 0, []
    for word in words:
        start = text.find(word, position)
        if start < 0 or text[position:start].strip():
            raise DataError(f"token {word!r} is not in raw after character {position}; correct raw, or remove it")
        position = start + len(word)
        offsets.append([start, position])
    return text, [pair for pair in offsets if text[pair[0] : pair[1]].strip()]


def _label(cats: dict[str, float]) -> dict[str, Any]:
    chosen = [label for label, value in cats.items() if value >= 0.5]
    return {"label": chosen[0] if len(chosen) == 1 else chosen} if cats else {}


def write_json(records: Iterable[Any]) -> Iterator[str]:
    """Yield a list of ``[text, {"entities": [[start, end, label], …]}]``, as spaCy's examples have it."""
    yield "["
    for number, record in enumerate(records):
        about: dict[str, Any] = {"entities": [list(mark) for mark in marks_of(record)]}
        labels = record.get("label")
        if labels is not None:
            about["cats"] = dict.fromkeys(labels if isinstance(labels, list) else [labels], 1.0)
        yield ("," if number else "") + to_json([record["text"], about])
    yield "]"


def read_binary(path: Path) -> Iterator[Row]:
    """Yield the records of a `DocBin`, with spaCy's tokens; of white space, which spaCy has as tokens, there are none.

    Raises:
        ConfigError: spaCy is not installed.
        DataError: the file is damaged.
    """
    doc_bin, vocabulary = _doc_bin(path), _spacy().blank("xx").vocab
    for number, doc in enumerate(doc_bin.get_docs(vocabulary), 1):
        spans = [*doc.ents, *(span for group in doc.spans.values() for span in group)]
        marks = sorted({Mark(span.start_char, span.end_char, span.label_) for span in spans})
        offsets = [[token.idx, token.idx + len(token)] for token in doc if not token.is_space]
        yield number, marked(doc.text, marks, offsets=offsets) | _label(dict(doc.cats))


def write_binary(records: Iterable[Any], path: Path) -> None:
    """Write a `DocBin`: flat spans as entities, others as the span group ``sc``.

    Raises:
        ConfigError: spaCy is not installed.
        DataError: a record has white space that its tokens do not show in spaCy's way.
    """
    spacy = _spacy()
    vocabulary, doc_bin = spacy.blank("xx").vocab, spacy.tokens.DocBin(store_user_data=True)
    for record in records:
        marks_of(record)  # there must be a text
        words, spaces, places = _with_space(record["text"], record["offsets"])
        doc = spacy.tokens.Doc(vocabulary, words=words, spaces=spaces)
        segments = [Span(**one) for one in record.get("segments") or () if one["label"]]
        spans = [spacy.tokens.Span(doc, places[one.start], places[one.end - 1] + 1, label=one.label) for one in segments]
        ends = [0, *accumulate((one.end for one in sorted(segments)), max)]
        is_flat = all(one.start >= end for one, end in zip(sorted(segments), ends, strict=False))
        if is_flat:
            doc.ents = spans
        else:
            doc.spans["sc"] = spans
        labels = record.get("label")
        if labels is not None:
            doc.cats = dict.fromkeys(labels if isinstance(labels, list) else [labels], 1.0)
        doc_bin.add(doc)
    with replacing(path) as unfinished:
        doc_bin.to_disk(unfinished)


def _with_space(text: str, offsets: list[list[int]]) -> tuple[list[str], list[bool], list[int]]:
    """Return words and spaces that make up the text, with all other white space as words; and where the tokens are in them."""
    words: list[str] = []
    spaces: list[bool] = []
    places, position = [], 0
    for start, end in [*offsets, [len(text), len(text)]]:
        gap = text[position:start]
        if gap.startswith(" ") and words:
            spaces[-1], gap = True, gap[1:]
        if gap:
            words.append(gap)
            spaces.append(False)
        if start < end:
            places.append(len(words))
            words.append(text[start:end])
            spaces.append(False)
        position = end
    return words, spaces, places


def _doc_bin(path: Path) -> Any:
    try:
        return _spacy().tokens.DocBin().from_disk(path)
    except ConfigError:
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; check the path") from error
    except Exception as error:  # msgpack, zlib and spaCy have no common class of errors
        raise DataError(f"{path}: is not a DocBin of spaCy ({' '.join(str(error).split()):.100}); write it again") from error


def _spacy() -> Any:
    try:
        import spacy
        import spacy.tokens
    except ImportError as error:
        raise ConfigError("files of spaCy need spaCy; `pip install 'seqlab[spacy]'`") from error
    return spacy
