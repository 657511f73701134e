"""Read records to label from a stream: lines of text, JSON objects or CoNLL."""

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, final

from seqlab.data.pairs import SECOND
from seqlab.errors import ConfigError, DataError
from seqlab.inference.lines import Line, without_mark

Record: TypeAlias = Mapping[str, Any]
"""An input of `Tagger.predict`, with any other keys it came with."""


class ConllLine(NamedTuple):
    """A line of a CoNLL file, kept for the output."""

    text: str
    end: str
    is_token: bool
    has_columns: bool
    """False for blank lines, comments and document starts. Lines with columns that are no token stand for several words."""


class Chunk(NamedTuple):
    """The records in a chunk of the stream; for CoNLL also all lines, whose tokens are those of the records in order."""

    records: Sequence[Record]
    lines: Sequence[ConllLine] = ()
    separator: str = "\t"
    """Separator between the columns of `lines`."""
    numbers: Sequence[int] | None = None
    """Line number of each record, if each has its own line."""


class InputFormat(ABC):
    """Reads records from lines."""

    columns: Collection[str] | None
    """Columns of the records; None if there may be any."""

    @abstractmethod
    def chunks(self, lines: Iterable[list[Line]], *, name: str) -> Iterator[Chunk]:
        """Yield the records, chunk by chunk; `name` names the stream in messages.

        Raises: DataError starting with `name:line` for lines that are not in the format.
        """

    def check_columns(self, needed: Sequence[str]) -> None:
        """Raise ConfigError if the format lacks a column that the model reads."""
        missing = [name for name in needed if self.columns is not None and name not in self.columns]
        if missing:
            raise ConfigError(
                f"the model reads {', '.join(needed)}, but the input has only {', '.join(self.columns or ())};"
                f" use --input-format jsonl with a key {missing[0]!r}, or conll with --columns tokens=0,{missing[0]}=1"
            )


@final
class TextFormat(InputFormat):
    """One record per line; an empty line is an empty record."""

    columns = ("tokens",)

    def chunks(self, lines: Iterable[list[Line]], *, name: str) -> Iterator[Chunk]:
        """Yield a record for each line."""
        for chunk in lines:
            yield Chunk([{"text": without_mark(line)} for line in chunk])


@final
class JsonlFormat(InputFormat):
    """One JSON object per line, with `text` or `tokens` and other columns that the model reads; blank lines are skipped.

    Args:
        needed: Columns that the model reads.
    """

    columns = None

    def __init__(self, *, needed: Sequence[str]) -> None:
        self.needed = needed

    def chunks(self, lines: Iterable[list[Line]], *, name: str) -> Iterator[Chunk]:
        """Yield a record for each object."""
        for chunk in lines:
            # Blank lines carry no record but count in messages.
            texts = {line.number: text for line in chunk if (text := without_mark(line)).strip()}
            records = [self._record(text, where=f"{name}:{number}") for number, text in texts.items()]
            yield Chunk(records, numbers=list(texts))

    def _record(self, text: str, *, where: str) -> Record:
        record = _json_object(text, where=where)
        for name in record.keys() & {"tokens", *self.needed} & {"tokens", f"tokens{SECOND}"}:
            tokens = record[name]
            if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
                raise DataError(f"{where}: {name} is {tokens!r:.80}; expected a list of strings")
        # Texts are tokenised later.
        texts = {f"tokens{side}" for side in ("", SECOND) if isinstance(record.get(f"text{side}"), str)}
        for name in self.needed:
            if name not in record and name not in texts:
                problem = "neither text nor tokens" if name == "tokens" else f"no {name!r}, which the model reads"
                has = ", ".join(map(repr, record)) or "no keys"
                raise DataError(f"{where}: {problem}; the record has {has}")
        _check_encodable(record, where=where)
        return _with_sound_offsets(record)


def _json_object(text: str, *, where: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:  # not JSON, or huge numbers and deep nesting
        reason = f"{error.msg} at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else error
        raise DataError(f"{where}: not JSON: {reason}; expected one object per line") from None
    if not isinstance(record, dict):
        raise DataError(f"{where}: the line is {text.strip():.40}; expected an object with `text` or `tokens`")
    return record


def _check_encodable(record: Record, *, where: str) -> None:
    """Raise DataError for lone surrogates, which JSON can express but UTF-8 cannot."""
    text = record.get("text")
    try:
        "".join([*record.get("tokens", []), text if isinstance(text, str) else ""]).encode()
    except UnicodeEncodeError as error:
        character = repr(error.object[error.start])
        raise DataError(f"{where}: {character} is half a character (a lone surrogate); fix the text") from None


def _with_sound_offsets(record: dict[str, Any]) -> Record:
    """Drop offsets that do not give the tokens, since they come from another tool."""
    try:
        # Other tools count bytes or UTF-16 units, or tokenise differently.
        is_sound = [record["text"][start:end] for start, end in record["offsets"]] == record["tokens"]
    except (KeyError, TypeError, ValueError):
        is_sound = False
    return record if is_sound else {key: value for key, value in record.items() if key != "offsets"}
