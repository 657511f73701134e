"""Read records to label from a stream: lines of text, JSON objects or CoNLL."""

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

from seqlab.data.pairs import SECOND
from seqlab.errors import ConfigError, DataError
from seqlab.inference.lines import Line, without_mark

Record: TypeAlias = Mapping[str, Any]
"""An input of `Tagger.predict`, with any other keys it came with."""


@final
@dataclass(frozen=True, slots=True)
class ConllLine:
    """A line of a CoNLL file, kept for the output."""

    text: str
    end: str
    is_token: bool
    has_columns: bool
    """False for blank lines, comments and document starts. Lines with columns that are no token stand for several words."""


@final
@dataclass(frozen=True, slots=True)
class Stretch:
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
    def stretches(self, lines: Iterable[list[Line]], *, name: str) -> Iterator[Stretch]:
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

    def stretches(self, lines: Iterable[list[Line]], *, name: str) -> Iterator[Stretch]:
        """Yield a record for each line."""
        for chunk in lines:
            yield Stretch([{"text": without_mark(line)} for line in chunk])


@final
@dataclass
class JsonlFormat(InputFormat):
    """One JSON object per line, with `text` or `tokens` and other columns that the model reads; blank lines are skipped."""

    needed: Sequence[str]
    """Columns that the model reads."""
    columns: Sequence[str] | None = field(default=None, init=False)

    def stretches(self, lines: Iterable[list[Line]], *, name: str) -> Iterator[Stretch]:
        """Yield a record for each object."""
        for chunk in lines:
            texts = {line.number: text for line in chunk if (text := without_mark(line)).strip()}
            records = [self._record(text, where=f"{name}:{number}") for number, text in texts.items()]
            yield Stretch(records, numbers=list(texts))

    def _record(self, text: str, *, where: str) -> Record:
        record = _json_object(text, where=where)
        for name in (name for name in {"tokens", *self.needed} & {"tokens", f"tokens{SECOND}"} if name in record):
            _check_tokens(record[name], name=name, where=where)
        if "tokens" not in record and not isinstance(record.get("text"), str) and "tokens" in self.needed:
            raise DataError(f"{where}: neither text nor tokens; expected one of them; the record has {_keys(record)}")
        texts = {f"tokens{side}" for side in ("", SECOND) if isinstance(record.get(f"text{side}"), str)}
        for name in self.needed:
            if name not in record and name not in texts and name != "tokens":
                raise DataError(f"{where}: no {name!r}, which the model reads; the record has {_keys(record)}")
        _check_encodable(record, where=where)
        return _with_sound_offsets(record)


def _json_object(text: str, *, where: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        reason = f"{error.msg} at character {error.pos + 1}"
        raise DataError(f"{where}: not JSON: {reason}; expected one object per line") from None
    except (ValueError, RecursionError) as error:  # huge numbers, deep nesting
        raise DataError(f"{where}: not readable JSON: {error}; expected one object per line") from None
    if not isinstance(record, dict):
        raise DataError(f"{where}: the line is {text.strip():.40}; expected an object with `text` or `tokens`")
    return record


def _keys(record: Record) -> str:
    return ", ".join(map(repr, record)) or "no keys"


def _check_tokens(tokens: object, *, name: str, where: str) -> None:
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise DataError(f"{where}: {name} is {tokens!r:.80}; expected a list of strings")


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
    if "offsets" in record and not _are_offsets(record.get("offsets"), record.get("tokens"), record.get("text")):
        return {key: value for key, value in record.items() if key != "offsets"}
    return record


def _are_offsets(offsets: Any, tokens: Any, text: Any) -> bool:
    try:
        return bool([text[start:end] for start, end in offsets] == tokens)
    except (TypeError, ValueError):
        return False
