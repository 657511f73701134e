"""Detection of the format of a file, and its reader."""

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import mode
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # OmegaConf does not wrap the errors of its parser

from seqlab.config.build import build, known_targets
from seqlab.config.compose import plain
from seqlab.config.paths import config_dir
from seqlab.config.plugins import providers
from seqlab.data.readers import Reader
from seqlab.data.readers.source import is_blank, no_utf8, split_lines, split_spaces
from seqlab.errors import ConfigError, DataError

_SUFFIXES = {
    ".conllu": "conllu",
    ".parquet": "parquet",
    **dict.fromkeys((".conll", ".bio", ".iob"), "conll"),
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    **dict.fromkeys((".csv", ".tsv"), "csv"),
}
FORMATS = ("conll", "conllu", "jsonl", "lines", "csv", "parquet")
"""Formats that the doctor examines: options of the config group `data`, besides those of plugins."""
TREES = "trees"
"""The option of the plugin seqlab-recnn for bracketed trees."""
_N_LINES_SNIFFED = 200
_N_CONLLU_COLUMNS = 10
_REGULAR_SHARE = 0.8


def format_of(path: Path) -> str:
    """Detect the format of `path`: lines for a folder with seq.in; for a file, by its content, else by its suffix.

    Raises:
        DataError: the file does not exist, or its format is unknown.
    """
    if path.is_dir():
        if (path / "seq.in").exists():
            return "lines"
        raise DataError(f"{path}: a folder without seq.in; give single files, or a folder of parallel files")
    try:
        with path.open("rb") as file:
            head = file.read(4)
            lines = [line.rstrip(b"\r\n") for line in islice(file, _N_LINES_SNIFFED)]
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; check the path") from error
    if not head:
        raise DataError(f"{path}: empty; expected records")
    if head == b"PAR1":  # the magic number of Parquet
        return "parquet"
    sample = head + b"\n".join(lines)
    if (other := no_utf8(sample)) is not None:
        raise DataError(f"{path}: {other}")
    # the sample may end inside a character
    text = split_lines(sample.decode("utf-8", errors="replace"))
    found = _format_of_text(text, suffix=path.suffix.lower()) or format_by_suffix(path)
    if found is None:
        raise DataError(f"{path}: format not recognised; give one with --format ({', '.join(FORMATS)})")
    return found


def format_by_suffix(path: Path) -> str | None:
    """Return the format for the suffix of `path`; None if the suffix is unknown."""
    return _SUFFIXES.get(path.suffix.lower())


def format_read_by(reader: Mapping[str, Any]) -> str | None:
    """Return the format whose option in ``conf/data`` has the same reader class; None if there is none."""
    return next((name for name in FORMATS if reader_settings(name, overrides=[])["_target_"] == reader.get("_target_")), None)


def files_in(path: Path) -> list[Path]:
    """Return the data files and folders of parallel files in a folder; any other path is returned alone."""
    if not path.is_dir() or (path / "seq.in").exists():
        return [path]
    children = sorted(path.iterdir())
    found = [child for child in children if child.suffix.lower() in _SUFFIXES or (child / "seq.in").exists()]
    if not found:
        raise DataError(f"{path}: no data file in this folder; give files, or a folder with seq.in and seq.out")
    return found


def open_reader(format_name: str, *, path: Path, overrides: Sequence[str]) -> Reader:
    """Return a reader for `path` with the settings in ``conf/data/<format>.yaml`` and `overrides` (``columns.tags=3``).

    Parallel files that do not exist in the folder `path` are not read.

    Raises:
        ConfigError: the format or a setting is unknown.
    """
    settings = reader_settings(format_name, overrides=overrides)
    if format_name == "lines":
        files = settings["files"].items()
        settings["files"] = {name: file for name, file in files if name == "tokens" or (path / file).exists()}
    reader: Reader = build(settings, targets=known_targets(("data",)), path="reader")
    return reader


def reader_settings(format_name: str, *, overrides: Sequence[str]) -> dict[str, Any]:
    """Return the settings of the reader in ``conf/data/<format>.yaml``, with `overrides` applied."""
    contents = (provider.contents.get(f"data/{format_name}") for provider in providers())
    content = next((one for one in contents if one is not None), {})
    is_own = format_name in FORMATS
    # other options of seqlab generate their records, or read folders of their own
    if not is_own and (content.get("dir") != "???" or (config_dir() / "data" / f"{format_name}.yaml").exists()):
        hint = "; install seqlab-recnn to read trees" if format_name == TREES else ""
        raise ConfigError(f"format is {format_name!r}; expected one of {', '.join(FORMATS)}{hint}")
    try:
        settings = OmegaConf.merge(OmegaConf.create(dict(content["reader"])), parse_settings(overrides))
    except (OmegaConfBaseException, YAMLError, HydraException) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"settings are {list(overrides)}: {reason}; expected e.g. columns.tags=3") from error
    return dict(plain(settings))


def parse_settings(words: Sequence[str]) -> DictConfig:
    """Return settings of a reader such as ``columns.tags=3``; ``data.reader.columns.tags=3`` means the same."""
    settings = OmegaConf.create()
    for word in words:
        name, is_set, text = re.sub(r"^(data\.)?reader\.", "", word).partition("=")
        # YAML has a meaning for | and #
        value: Any = text if len(text) == 1 and not text.isalnum() else None
        # as in `seqlab train`: in YAML, {tokens:0} is a key without a value
        if text.startswith(("{", "[")):
            value = OverridesParser.create().parse_override(f"{name}={text}").value()
        if value is None:
            settings.merge_with(OmegaConf.from_dotlist([f"{name}{is_set}{text}"]))
        else:
            OmegaConf.update(settings, name, value)
    return settings


def _format_of_text(lines: list[str], *, suffix: str) -> str | None:
    # each test below needs several lines to agree, so that one damaged line does not hide the format
    filled = [line for line in lines if not is_blank(line)]
    if not filled or filled[0].startswith("{"):
        return "jsonl" if filled else None
    if filled[0].lstrip().startswith("(") and sum("(" in line for line in filled) > len(filled) / 2:
        return TREES
    rows = [line.split("\t") for line in filled if not line.startswith("#")]
    if sum(len(row) == _N_CONLLU_COLUMNS and row[0][:1].isdecimal() for row in rows) > len(rows) / 2:
        return "conllu"
    # blank lines between blocks of lines with the same number of columns
    widths = [len(line.split("\t") if "\t" in line else split_spaces(line)) for line in filled]
    has_blocks = any(map(is_blank, lines[:-1])) and suffix != ".csv"
    is_regular = mode(widths) > 1 and widths.count(mode(widths)) > _REGULAR_SHARE * len(widths)
    return "conll" if has_blocks and is_regular else None
