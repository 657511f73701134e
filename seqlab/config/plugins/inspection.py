"""Resolving an entry point to a plugin, or to the reason why it cannot be used. Nothing is imported."""

import os
from collections.abc import Collection
from importlib.metadata import EntryPoint
from pathlib import Path

from seqlab import __version__
from seqlab.config.imports import module_path, package_folder
from seqlab.config.paths import config_dir
from seqlab.config.plugins.distributions import CORE, editable_project, installed, where_installed, wrong_version
from seqlab.config.plugins.plugin import LeftOut, Plugin
from seqlab.errors import PluginError

WITHOUT = "SEQLAB_WITHOUT"
"""Environment variable: names of plugins, or of their distributions, to leave out; comma-separated."""


def names_to_leave_out() -> list[str]:
    """Return the names in `SEQLAB_WITHOUT`."""
    return [name.strip() for name in os.environ.get(WITHOUT, "").split(",") if name.strip()]


def built_in() -> Plugin:
    """Return seqlab itself as a provider of options."""
    folder, conf_dir, dist = Path(__file__).resolve().parents[2], config_dir(), installed(CORE)
    is_of_dist = dist is not None and _lies_in(folder, where_installed(dist, CORE))
    origin = ("editable" if dist and editable_project(dist) else "installed") if is_of_dist else "checkout"
    return Plugin(CORE, CORE, __version__, CORE, conf_dir=conf_dir, folder=folder, origin=origin)


def examined(point: EntryPoint, *, without: Collection[str]) -> Plugin | LeftOut:
    """Return the plugin that an entry point names, or why it is left out; `without` are the names that the user excludes."""
    plugin = _plugin(point)
    if isinstance(plugin, LeftOut):
        return plugin
    excluded = f"{WITHOUT} names it" if plugin.is_among(without) else None
    reason = excluded or wrong_version(point.dist) or _unreadable(plugin)
    return plugin if reason is None else left_out(plugin, reason)


def _plugin(point: EntryPoint) -> Plugin | LeftOut:
    distribution, version = (point.dist.name, point.dist.version) if point.dist else ("unknown distribution", "?")
    package = point.value
    identity = (point.name, distribution, version, package)
    # A dotted name is refused, since finding its spec would import its parents.
    folder = package_folder(package) if package.isidentifier() else None
    home = where_installed(point.dist, package) if point.dist else None
    if folder is None or not (folder / "conf").is_dir():
        return LeftOut(*identity, _no_conf(point.name, package, folder=folder, home=home))
    origin = "editable" if point.dist and editable_project(point.dist) else "installed"
    shadowed = None if home is None or _lies_in(folder, home) else home
    return Plugin(*identity, conf_dir=folder / "conf", folder=folder, origin=origin, installed_at=shadowed)


def left_out(plugin: Plugin, reason: str) -> LeftOut:
    """Return the plugin as left out for `reason`."""
    return LeftOut(plugin.name, plugin.distribution, plugin.version, plugin.package, reason, plugin)


def _no_conf(name: str, package: str, *, folder: Path | None, home: Path | None) -> str:
    """Return why the folder `conf` is not found, and what to do."""
    if not package.isidentifier():
        return f"its entry point names {package!r}; expected a package at the top, as seqlab_{name}; fix its pyproject.toml"
    path = folder or module_path(package)
    if path and home and not _lies_in(Path(path), home):
        return f"package {package!r} (installed in {home}) is shadowed by {path}, which has no folder `conf`; rename that one"
    silence = f"reinstall it, or silence this: {WITHOUT}={name}"
    if path is None:
        return f"there is no package {package!r}, which its entry point names; {silence}"
    return f"package {package!r} has no folder `conf` (looked in {path}); {silence}"


def _lies_in(path: Path, folder: Path | None) -> bool:
    return folder is not None and path.resolve().is_relative_to(folder.resolve())


def _unreadable(plugin: Plugin) -> str | None:
    try:
        _ = plugin.contents  # read here, so that no later command fails on it
    except PluginError as error:
        return str(error)
    return None
