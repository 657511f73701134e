"""Discovery of plugins: distributions with an entry point in group `seqlab.plugins` that names a package with a `conf` folder.

No plugin is imported here: a package is found by its spec, and imported when a config that names its classes is built.
Unusable plugins are skipped with a warning, and only what asks for them fails.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint

from seqlab.config.plugins.conflicts import clashes
from seqlab.config.plugins.entry_points import entry_points_found
from seqlab.config.plugins.inspection import WITHOUT, built_in, examined, left_out, names_to_leave_out
from seqlab.config.plugins.plugin import LeftOut, Plugin
from seqlab.errors import did_you_mean

log = logging.getLogger(__name__)
ENTRY_POINT_GROUP = "seqlab.plugins"


@dataclass(frozen=True)
class Discovery:
    """The installed providers: seqlab and usable plugins, and those that are left out."""

    providers: tuple[Plugin, ...]
    left_out: tuple[LeftOut, ...]
    unknown_names: tuple[str, ...]
    """Names in `SEQLAB_WITHOUT` that no plugin has."""

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """The plugins that can be used."""
        return self.providers[1:]

    @property
    def builders(self) -> tuple[Plugin, ...]:
        """All whose classes may be built: the providers, and plugins whose options conflict."""
        return *self.providers, *(one.plugin for one in self.left_out if one.plugin and one.has_classes)

    def leaving_out(self, option: str) -> LeftOut | None:
        """Return the left-out plugin that would bring `group/option`, if there is one."""
        return next((one for one in self.left_out if one.plugin and option in one.plugin.options()), None)

    def warnings(self) -> Iterator[str]:
        """Yield a line for each plugin left out against the user's wish, and for each unknown name in `SEQLAB_WITHOUT`."""
        yield from (str(one) for one in self.left_out if not one.is_wanted)
        yield from self.unknown_name_warnings()

    def unknown_name_warnings(self) -> Iterator[str]:
        """Yield a line for each name in `SEQLAB_WITHOUT` that no plugin has."""
        names = [one.name for one in (*self.plugins, *self.left_out)]
        for name in self.unknown_names:
            there = f"installed: {', '.join(sorted(names))}" if names else "no plugin is installed"
            yield f"{WITHOUT} names {name!r}, which is not an installed plugin{did_you_mean(name, names)}; {there}"


def providers() -> tuple[Plugin, ...]:
    """Return the providers of options: seqlab, then the plugins. Warn of those left out, once."""
    found = discover()
    _warn(found)
    return found.providers


# Cached, so that each process warns once.
@cache
def _warn(found: Discovery) -> None:
    for line in found.warnings():
        log.warning(line)


@cache
def discover() -> Discovery:
    """Return seqlab, the installed plugins that can be used, and those that cannot or that `SEQLAB_WITHOUT` excludes."""
    without = names_to_leave_out()
    core = built_in()
    points = list(entry_points_found(ENTRY_POINT_GROUP))
    found = [examined(point, without=without) if isinstance(point, EntryPoint) else point for point in points]
    # The order of distributions depends on the file system; sorted, warnings and lists are the same everywhere.
    found.sort(key=lambda one: (one.name, one.distribution))
    plugins = [one for one in found if isinstance(one, Plugin)]
    reasons = clashes(plugins, core=core)
    unused = [replace(one, is_wanted=one.is_among(without)) for one in found if isinstance(one, LeftOut)]
    unused += [replace(left_out(plugin, reason), has_classes=True) for plugin, reason in reasons.items()]
    return Discovery(
        providers=(core, *(plugin for plugin in plugins if plugin not in reasons)),
        left_out=tuple(sorted(unused, key=lambda one: (one.name, one.distribution))),
        unknown_names=tuple(name for name in without if not any(one.is_among([name]) for one in found)),
    )
