"""`AnnotationReader`: reads files of annotation tools as records."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

from seqlab.data.annotations.marks import CHARACTERS, UTF_16
from seqlab.data.annotations.tools import TOOLS
from seqlab.data.readers.jsonl import JsonlReader
from seqlab.data.readers.source import Report
from seqlab.errors import ConfigError

DISCONTINUOUS = ("refuse", "outer", "parts", "drop")


@final
class AnnotationReader(JsonlReader):
    """Reads texts with spans, or with labels, from files of annotation tools.

    Tokens begin and end where spans do. Spans become `segments`, which may overlap, and tags where they do not.

    Args:
        tool: `label_studio`, `doccano`, `prodigy`, `brat` (a folder), `spacy` (a DocBin; needs spaCy), `spacy_json` or
            `offsets_csv`.
        unit: What offsets count: `characters`, or `utf-16`, the code units of JavaScript; None: what the tool does.
        discontinuous: What becomes of spans of several parts, which only BRAT has: `refuse`, `outer` (from the first to the
            last part), `parts` (each part alone) or `drop`.
        span_scheme: Span scheme of the tags made from spans; None: no tags, only `segments`.

    Raises:
        ConfigError: an option has another value.
    """

    def __init__(
        self, *, tool: str, unit: str | None = None, discontinuous: str = "refuse", span_scheme: str | None = "BIO"
    ) -> None:
        super().__init__(span_scheme=span_scheme)
        if tool not in TOOLS:
            raise ConfigError(f"tool is {tool!r}; expected one of {', '.join(TOOLS)}")
        if unit not in (None, CHARACTERS, UTF_16):
            raise ConfigError(f"unit is {unit!r}; expected {CHARACTERS}, {UTF_16} or null")
        if discontinuous not in DISCONTINUOUS:
            raise ConfigError(f"discontinuous is {discontinuous!r}; expected one of {', '.join(DISCONTINUOUS)}")
        self._tool, self._discontinuous = TOOLS[tool], discontinuous
        self._unit = unit or self._tool.unit

    def rows(self, path: Path, report: Report) -> Iterator[tuple[int, dict[str, Any]]]:
        yield from self._tool.read(path, report, self._unit, self._discontinuous)

    def unread(self, path: Path) -> list[str]:
        return []
