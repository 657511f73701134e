"""Read JSON objects to label, one per line."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, final

from seqlab.data.pairs import SECOND
from seqlab.errors import DataError, shortened
from seqlab.inference.given import check_kinds, read_input
from seqlab.inference.inputs import Chunk, LineFormat, Record
from seqlab.inference.lines import Line, without_mark


@final
class JsonlFormat(LineFormat):
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
            yield Chunk([self._located(f"{name}:{i}", text) for i, text in texts.items()], numbers=list(texts))

    def _located(self, where: str, text: str) -> Record:
        try:
            return self._record(_json_object(text))
        except DataError as error:
            raise DataError(f"{where}: {shortened(str(error))}") from None

    def _record(self, record: dict[str, Any]) -> Record:
        # null tokens and texts are those of a record that has none
        has = {name for name, value in record.items() if value is not None or name not in _NULLABLE}
        texts = {f"tokens{side}" for side in ("", SECOND) if f"text{side}" in has}
        for name in self.needed:
            if name not in has and name not in texts:
                problem = "neither text nor tokens" if name == "tokens" else f"no {name!r}, which the model reads"
                raise DataError(f"{problem}; the record has {', '.join(map(repr, record)) or 'no keys'}")
        check_kinds(record, self.needed)
        # texts alone are tokenized later
        return record if record.get("tokens") is None else read_input(record)


_NULLABLE = frozenset({"tokens", "text", f"tokens{SECOND}", f"text{SECOND}"})


def _json_object(text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:  # not JSON, or huge numbers and deep nesting
        reason = f"{error.msg} at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else error
        raise DataError(f"not JSON: {reason}; expected one object per line") from None
    if not isinstance(record, dict):
        raise DataError(f"the line is {text.strip():.40}; expected an object with `text` or `tokens`")
    return record
