"""The readers of formats, and the data files of a folder."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from yaml import YAMLError  # OmegaConf does not wrap the errors of its parser

from seqlab.config.build import build, known_targets
from seqlab.config.compose import plain
from seqlab.data.formats import format_by_suffix, reader_of
from seqlab.data.readers import Reader
from seqlab.errors import ConfigError, DataError


def files_in(path: Path) -> list[Path]:
    """Return the data files and folders of parallel files in a folder; any other path is returned alone."""
    if not path.is_dir() or (path / "seq.in").exists():
        return [path]
    children = sorted(path.iterdir())
    found = [child for child in children if format_by_suffix(child) is not None or (child / "seq.in").exists()]
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
    reader = reader_of(format_name)
    try:
        settings = OmegaConf.merge(OmegaConf.create(dict(reader)), parse_settings(overrides))
        return dict(plain(settings))
    except MissingMandatoryValue as error:
        raise ConfigError(f"format {format_name} needs the setting {error.full_key}; give it with --set") from error
    except (OmegaConfBaseException, YAMLError, HydraException) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"settings are {list(overrides)}: {reason}; expected e.g. columns.tags=3") from error


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
