"""Discovery of plugins: distributions with an entry point in group `seqlab.plugins` that names a package with a `conf` folder.

Nothing here imports a plugin: a package is found by its spec, and is run only when a config that names its classes is built.
"""

import os
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from seqlab import __version__
from seqlab.errors import PluginError
from seqlab.paths import config_dir

ENTRY_POINT_GROUP = "seqlab.plugins"


@dataclass(frozen=True)
class Plugin:
    """An installed plugin: its distribution, version, and the `conf` folder that holds its options."""

    name: str
    distribution: str
    version: str
    conf_dir: Path

    def options(self) -> dict[str, Path]:
        """Return the options it adds: `group/option` -> file."""
        return {p.relative_to(self.conf_dir).with_suffix("").as_posix(): p for p in self.conf_dir.rglob("*.yaml")}


@cache
def installed_plugins() -> tuple[Plugin, ...]:
    """Return the installed plugins, less those named in `SEQLAB_WITHOUT` (comma-separated).

    Raises: PluginError for a package without a `conf` folder, or for an option that another plugin or seqlab itself has.
    """
    without = {name.strip() for name in os.environ.get("SEQLAB_WITHOUT", "").split(",")}
    plugins = tuple(_plugin(point) for point in entry_points(group=ENTRY_POINT_GROUP) if point.name not in without)
    _refuse_shared_options(plugins)
    return plugins


def _plugin(point: EntryPoint) -> Plugin:
    distribution = point.dist.name if point.dist else "unknown distribution"
    version = point.dist.version if point.dist else "?"
    spec = find_spec(point.value)
    origin = Path(spec.origin).parent if spec and spec.origin else None
    if origin is None or not (origin / "conf").is_dir():
        raise PluginError(
            f"plugin {point.name!r} ({distribution} {version}): package {point.value!r} has no folder `conf`"
            f" (looked in {origin}); reinstall it, or leave it out with SEQLAB_WITHOUT={point.name}"
        )
    return Plugin(name=point.name, distribution=distribution, version=version, conf_dir=origin / "conf")


def _refuse_shared_options(plugins: tuple[Plugin, ...]) -> None:
    core = Plugin(name="seqlab", distribution="seqlab", version=__version__, conf_dir=config_dir())
    owners = dict.fromkeys(core.options(), core)
    for plugin in plugins:
        for option, path in plugin.options().items():
            other = owners.setdefault(option, plugin)
            if other is not plugin:
                raise PluginError(
                    f"option {option!r} is added by both {other.distribution} {other.version} and"
                    f" {plugin.distribution} {plugin.version} ({path}); leave one out with SEQLAB_WITHOUT={plugin.name}"
                )
