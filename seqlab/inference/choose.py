"""Choose the format of an input to label: by name, by its content and extension, and by what the model was trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

from seqlab.config.build import build, known_targets
from seqlab.data.formats import INPUT_FORMATS, TEXT, format_of_reader, is_read_as, reader_of
from seqlab.errors import ConfigError
from seqlab.inference.conll import ConllFormat, conll_format, parse_columns
from seqlab.inference.delimited import CsvFormat
from seqlab.inference.inputs import InputFormat, TextFormat
from seqlab.inference.jsonl import JsonlFormat
from seqlab.inference.reader_input import ReaderFormat
from seqlab.inference.tables import ParquetFormat, parse_names, table_columns

_OWN_COLUMNS = ("conll", "csv", "parquet")
_FOLDER = "lines"
_STREAMED = ("", "trees", "frames")
"""Formats for which the reader of the training can read a stream; the empty name is that of a wrapped reader."""


@final
@dataclass(frozen=True, kw_only=True)
class InputChoice:
    """Chooses the format of an input.

    Args:
        path: The file; None for a stream.
        reader: Settings of the reader that the model was trained with.
        needed: Columns that the model reads.
        columns: Value of ``--columns``; None: as in training.
        comment_prefix: Value of ``--comment-prefix``; None: as in training.
    """

    path: Path | None
    reader: Mapping[str, Any]
    needed: Sequence[str]
    columns: str | None = None
    comment_prefix: str | None = None

    def format(self, name: str) -> InputFormat:
        """Return the format called `name`.

        Raises:
            ConfigError: there is no such format, or an option does not suit it.
        """
        self._check_options(name)
        trained = format_of_reader(self.reader)
        # a wrapping reader (such as one that adds trees) has the reader of the format inside; the model needs what it adds
        inner = self.reader.get("reader")
        if isinstance(inner, Mapping) and format_of_reader(inner) == name:
            return self._by_reader(self.reader)
        if trained == "frames" and is_read_as(name, format_name=trained):
            return self._by_reader(self.reader, name=trained)
        if name == TEXT:
            return TextFormat()
        if name == "jsonl":
            return JsonlFormat(needed=self.needed)
        if name == "conllu":
            return ConllFormat.conllu(needed=self.needed)
        if name == "conll":
            return self._conll(self.reader if trained == "conll" else {})
        if name in ("csv", "parquet"):
            return self._table(name)
        return self._by_reader(self.reader if trained == name else reader_of(name), name=name)

    def _check_options(self, name: str) -> None:
        if self.columns and name not in _OWN_COLUMNS:
            raise ConfigError(f"--columns is for the formats {', '.join(_OWN_COLUMNS)}, not {name}; set --format")
        if self.comment_prefix and name != "conll":
            raise ConfigError(f"--comment-prefix is for the format conll, not {name}; set --format conll")

    def _conll(self, reader: Mapping[str, Any]) -> ConllFormat:
        columns = parse_columns(self.columns) if self.columns else None
        layout = conll_format(reader, columns=columns, needed=self.needed)
        return replace(layout, comment_prefix=self.comment_prefix) if self.comment_prefix else layout

    def _table(self, name: str) -> InputFormat:
        chosen = parse_names(self.columns) if self.columns else None
        table = table_columns(self.reader, chosen=chosen, needed=self.needed)
        if name == "parquet":
            return ParquetFormat(table=table)
        # readers of tables have these three settings, those of pairs the first two
        given = self.reader if "quote" in self.reader else {}
        return CsvFormat(
            table=table,
            separator=given.get("separator", "auto"),
            quote=given.get("quote", '"'),
            column_names=given.get("column_names"),
        )

    def _by_reader(self, settings: Mapping[str, Any], *, name: str = "") -> InputFormat:
        if self.path is None and name not in _STREAMED:
            raise ConfigError(f"the format {name} is read from a file or folder, not from standard input; give FILE")
        made = dict(settings)
        if name == _FOLDER:  # of parallel files only those that are read, so gold labels need not be there
            made["files"] = {key: file for key, file in made["files"].items() if key == "tokens" or key in self.needed}
            made |= {"scheme": None, "target_scheme": None}
        if name == "frames":
            made["tag_column"] = None
        return ReaderFormat(build(made, targets=known_targets(("data",)), path="data.reader"), self.path)


def check_name(name: str) -> None:
    """Raise ConfigError unless `name` is a format, or an option of ``conf/data`` that reads files."""
    try:
        _ = name in INPUT_FORMATS or reader_of(name)
    except ConfigError as error:
        expected = f"one of {', '.join(INPUT_FORMATS)}, or an option of conf/data that reads files"
        raise ConfigError(f"--format is {name!r}; expected {expected}; --to sets the format of the output") from error
