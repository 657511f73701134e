"""Parallel files: line k of each file belongs to record k (``seq.in``, ``seq.out``, ``label``)."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

import datasets

from seqlab.data.readers.base import Reader
from seqlab.data.readers.column_check import check_columns
from seqlab.data.readers.source import Report, Source, is_blank, split_labels, split_spaces
from seqlab.data.readers.tags import TagConverter, Tagged
from seqlab.data.records import records_from_rows
from seqlab.errors import ConfigError

_WHOLE_LINE = ("id", "label", "text")
FILES = MappingProxyType({"tokens": "seq.in", "tags": "seq.out", "label": "label"})
"""Record column -> file name, as in SNIPS and ATIS."""


@final
class LinesReader(Reader):
    """Reads a folder of parallel files.

    A line of `id`, `label` or `text` is one value; lines of all other files are split at spaces. Blank lines at the end of a
    file are ignored; other blank lines are empty records.

    Args:
        files: Record column -> file name; must have ``tokens``.
        label_separator: Separator of the labels of multi-label data, which become a list; None: one label per line.
        scheme: Span scheme of the tags in the file, checked while reading; None: no check.
        target_scheme: Span scheme to convert the tags to; None: no conversion.
        repair: Whether records that break `scheme` are read leniently, as seqeval does, and encoded again; False: refused.
        check_columns: Whether to refuse tokens and tags that look as if they were in other columns: tags as varied as words,
            tags equal to the tokens, and columns that count 1, 2, 3.

    Raises:
        ConfigError: `files` has no ``tokens``, or a scheme is unknown.
    """

    def __init__(
        self,
        *,
        files: Mapping[str, str] = FILES,
        label_separator: str | None = None,
        scheme: str | None = None,
        target_scheme: str | None = None,
        repair: bool = False,
        check_columns: bool = True,
    ) -> None:
        if "tokens" not in files:
            raise ConfigError(f"files is {files}; expected a file for tokens, e.g. data.reader.files.tokens=seq.in")
        self._files = files
        self._checks_columns = check_columns
        self._label_separator = label_separator
        self._converter = TagConverter(scheme=scheme, target_scheme=target_scheme, repair=repair)

    def parse(self, path: Path, *, report: Report) -> datasets.Dataset:
        sources = {name: Source(path / file, report=report) for name, file in self._files.items()}
        lines = {name: _without_blank_end(source.lines()) for name, source in sources.items()}
        n_records = len(lines["tokens"])
        if not n_records:
            sources["tokens"].fault(1, "the file holds no records; expected one per line")
        for name, values in lines.items():
            if len(values) != n_records:
                what = f"{name} ends after {len(values)} lines, {sources['tokens'].path} after {n_records}"
                sources[name].fault(min(len(values), n_records) + 1, f"{what}; expected one line per record in both")
        records: list[Tagged] = []
        # not strict: files of different lengths were reported above
        for number, row in enumerate(zip(*lines.values(), strict=False), 1):
            record = {name: self._value(name, line) for name, line in zip(lines, row, strict=True)}
            if self._is_sound(record, number=number, sources=sources):
                place: dict[str, Any] = {"id": f"{path.name}-{number}", "line": number}
                records.append((place | record, [number] * len(record["tokens"])))
        # files without tags have nothing to report
        converted = self._converter.converted(records, source=sources.get("tags", sources["tokens"]))
        found = records_from_rows(list(converted), names=("id", "line", *lines))
        if self._checks_columns:
            check_columns(found, sources["tokens"], setting="files", columns=self._files)
        return found

    def unread(self, path: Path) -> list[str]:
        return [f"file {child.name}" for child in sorted(path.iterdir()) if child.name not in self._files.values()]

    def _value(self, name: str, line: str) -> str | list[str]:
        if name == "label" and self._label_separator is not None:
            return split_labels(line, self._label_separator)
        return line.strip(" ") if name in _WHOLE_LINE else split_spaces(line)

    def _is_sound(self, record: dict[str, Any], *, number: int, sources: dict[str, Source]) -> bool:
        n_tokens = len(record["tokens"])
        for name, value in record.items():
            if name == "label" and not value:
                sources[name].fault(number, "label is empty; expected one per line")
                return False
            if name not in _WHOLE_LINE and len(value) != n_tokens:
                sources[name].fault(number, f"{len(value)} {name} for {n_tokens} tokens; expected one per token")
                return False
        return True


def _without_blank_end(lines: list[str]) -> list[str]:
    while lines and is_blank(lines[-1]):
        lines.pop()
    return lines
