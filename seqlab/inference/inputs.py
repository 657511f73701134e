"""Records to label out of a stream: a text a line, a JSON object a line, or CoNLL lines."""

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

from seqlab.data.pairs import SECOND
from seqlab.errors import ConfigError, DataError
from seqlab.inference.lines import Line, without_mark

Record: TypeAlias = Mapping[str, Any]
"""What `Tagger.predict` takes, and whatever else came with it."""


@final
@dataclass(frozen=True, slots=True)
class ConllLine:
    """A line of a CoNLL file, to be written back."""

    text: str
    end: str
    is_token: bool
    has_columns: bool
    """False for blank lines, comments and document starts; lines with columns but no token stand for several words."""


@final
@dataclass(frozen=True, slots=True)
class Stretch:
    """The records of a stretch of the stream and, for CoNLL, all its lines: their tokens are the records' in a row."""

    records: Sequence[Record]
    lines: Sequence[ConllLine] = ()
    separator: str = "\t"
    """What stands between the columns of `lines`."""
    numbers: Sequence[int] | None = None
    """The line of each record, where it has one of its own."""


class InputFormat(ABC):
    """Finds records in lines."""

    columns: Collection[str] | None
    """The columns that its records have, None where any may be there."""

    @abstractmethod
    def stretches(self, lines: Iterable[list[Line]], *, name: str) -> Iterator[Stretch]:
        """Return the records, stretch by stretch; `name` stands for the stream in messages.

        Raises: DataError as ``name:line`` for lines that are not in the format.
        """

    def check_columns(self, needed: Sequence[str]) -> None:
        """Raise ConfigError where the model reads a column that the format does not give."""
        missing = [name for name in needed if self.columns is not None and name not in self.columns]
        if missing:
            raise ConfigError(
                f"the model reads {', '.join(needed)}, but this input gives {', '.join(self.columns or ())};"
                f" use --input-format jsonl with a key {missing[0]!r}, or conll with --columns tokens=0,{missing[0]}=1"
            )


@final
class TextFormat(InputFormat):
    """One record a line; an empty line is an empty record."""

    columns = ("tokens",)

    def stretches(self, lines: Iterable[list[Line]], *, name: str) -> Iterator[Stretch]:
        """Return a record a line."""
        for stretch in lines:
            yield Stretch([{"text": without_mark(line)} for line in stretch])


@final
@dataclass
class JsonlFormat(InputFormat):
    """One JSON object a line with `text` or `tokens` and the model's other columns; blank lines are passed over."""

    needed: Sequence[str]
    """Columns that the model reads."""
    columns: Sequence[str] | None = field(default=None, init=False)

    def stretches(self, lines: Iterable[list[Line]], *, name: str) -> Iterator[Stretch]:
        """Return a record an object."""
        for stretch in lines:
            texts = {line.number: text for line in stretch if (text := without_mark(line)).strip()}
            records = [self._record(text, where=f"{name}:{number}") for number, text in texts.items()]
            yield Stretch(records, numbers=list(texts))

    def _record(self, text: str, *, where: str) -> Record:
        record = _json_object(text, where=where)
        for name in (name for name in {"tokens", *self.needed} & {"tokens", f"tokens{SECOND}"} if name in record):
            _check_tokens(record[name], name=name, where=where)
        if "tokens" not in record and not isinstance(record.get("text"), str) and "tokens" in self.needed:
            raise DataError(f"{where}: no text and no tokens; expected one of the two; it has {_keys(record)}")
        texts = {f"tokens{side}" for side in ("", SECOND) if isinstance(record.get(f"text{side}"), str)}
        for name in self.needed:
            if name not in record and name not in texts and name != "tokens":
                raise DataError(f"{where}: no {name!r}, which the model reads; it has {_keys(record)}")
        _check_encodable(record, where=where)
        return _with_sound_offsets(record)


def _json_object(text: str, *, where: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        what = f"not JSON: {error.msg} at character {error.pos + 1}"
        raise DataError(f"{where}: {what}; expected one object a line") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON that can be read: {error}; expected one object a line") from None
    if not isinstance(record, dict):
        raise DataError(f"{where}: the line is {text.strip():.40}; expected an object with `text` or `tokens`")
    return record


def _keys(record: Record) -> str:
    return ", ".join(map(repr, record)) or "no key"


def _check_tokens(tokens: object, *, name: str, where: str) -> None:
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise DataError(f"{where}: {name} is {tokens!r:.80}; expected a list of strings")


def _check_encodable(record: Record, *, where: str) -> None:
    """Refuse half a surrogate pair, which JSON can spell but no file can hold."""
    text = record.get("text")
    try:
        "".join([*record.get("tokens", []), text if isinstance(text, str) else ""]).encode()
    except UnicodeEncodeError as error:
        what = f"{error.object[error.start]!r} is half a character (a lone surrogate)"
        raise DataError(f"{where}: {what}; mend the text") from None


def _with_sound_offsets(record: dict[str, Any]) -> Record:
    """Return `record` without offsets that are not those of its tokens in its text: such offsets are another tool's."""
    if "offsets" in record and not _are_offsets(record.get("offsets"), record.get("tokens"), record.get("text")):
        return {key: value for key, value in record.items() if key != "offsets"}
    return record


def _are_offsets(offsets: Any, tokens: Any, text: Any) -> bool:
    try:
        return bool([text[start:end] for start, end in offsets] == tokens)
    except (TypeError, ValueError):
        return False
