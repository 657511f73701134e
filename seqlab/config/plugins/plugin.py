"""Providers of options: name, location and config files."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from seqlab.config.tree import targets_in
from seqlab.errors import PluginError


@dataclass(frozen=True)
class Installed:
    """A package of a distribution, as an entry point names it."""

    name: str
    distribution: str
    version: str
    package: str

    def is_among(self, names: Collection[str]) -> bool:
        """Return whether `names` has its name, or that of its distribution."""
        return self.name in names or self.distribution in names


@dataclass(frozen=True)
class Plugin(Installed):
    """A provider of options: a package with a `conf` folder, of an installed distribution or of seqlab itself."""

    conf_dir: Path
    folder: Path
    """The folder of the package."""
    origin: str
    """One of `installed`, `editable`, and `checkout` for one that is not installed."""
    installed_at: Path | None = None
    """Where its distribution installed the package, if another package shadows it; None if that is `folder`."""

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"

    def options(self) -> dict[str, Path]:
        """Return the options it adds: `group/option` -> file."""
        files = sorted(self.conf_dir.rglob("*.yaml"))
        return {path.relative_to(self.conf_dir).with_suffix("").as_posix(): path for path in files}

    def groups(self) -> dict[str, list[str]]:
        """Return the options it adds by config group; those of no group, such as `train`, are in group ``""``."""
        found: dict[str, list[str]] = {}
        for option in self.options():
            group, _, name = option.rpartition("/")
            found.setdefault(group, []).append(name)
        return dict(sorted(found.items()))

    @cached_property
    def contents(self) -> dict[str, Mapping[str, Any]]:
        """The content of its config files: `group/option` -> the mapping in the file.

        Raises: PluginError for a file that is not YAML, or not a mapping.
        """
        return {option: _read(path) for option, path in self.options().items()}

    def targets(self, groups: Sequence[str] | None) -> frozenset[str]:
        """Return every `_target_` in its config files.

        `groups` keeps those in the folders of some config groups, and those under keys of the same names; None keeps all.
        """
        found: set[str] = set()
        for option, content in self.contents.items():
            is_whole = groups is None or option.partition("/")[0] in groups
            found.update(targets_in(content if is_whole else [content.get(key) for key in groups or ()]))
        return frozenset(found)


@dataclass(frozen=True)
class LeftOut(Installed):
    """An installed plugin that is not used."""

    reason: str
    plugin: Plugin | None = None
    """The plugin, if there is a package with a `conf` folder."""
    is_wanted: bool = False
    """Whether `SEQLAB_WITHOUT` excludes it."""
    has_classes: bool = False
    """Whether its classes may be built nonetheless, because only its options conflict."""

    def __str__(self) -> str:
        return f"plugin {self.name!r} ({self.distribution} {self.version}) is left out: {self.reason}"


def _read(path: Path) -> Mapping[str, Any]:
    try:
        # The loader in C is several times as fast; every command reads all options.
        content = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise PluginError(f"{path}: not readable as YAML ({reason}); reinstall what it is part of") from error
    # An empty YAML file loads as None, which is an option without keys.
    if not isinstance(content, Mapping | None):
        raise PluginError(f"{path}: holds a {type(content).__name__}; expected the keys of a config; fix what it is part of")
    return content or {}
