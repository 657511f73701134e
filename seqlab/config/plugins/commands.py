"""Commands of plugins: entry points in group `seqlab.commands`, known by name, and imported when they are called.

An entry point `name = "package.module:function"` makes `seqlab name …` call the function with the words that follow; what it
returns is the exit status.
"""

import argparse
import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

from seqlab.config.imports import described
from seqlab.config.plugins.entry_points import entry_points_found
from seqlab.config.plugins.inspection import WITHOUT, names_to_leave_out
from seqlab.config.plugins.plugin import LeftOut
from seqlab.errors import PluginError

log = logging.getLogger(__name__)
ENTRY_POINT_GROUP = "seqlab.commands"
_NO_PREFIX = "\0"
"""Begins no word of a command line, so that none is an option."""


@dataclass(frozen=True)
class Command:
    """A command that one or, by mistake, several distributions bring."""

    name: str
    points: tuple[EntryPoint, ...]

    @property
    def summary(self) -> str:
        """What its distribution says of itself."""
        dist = self.points[0].dist
        return (dist.metadata["Summary"] if dist else None) or f"of {_who(self.points[0])}"

    def add_parser(self, commands: Any) -> None:
        """List it among `commands`; what follows its name, options too, is handed on as it is."""
        parser = commands.add_parser(self.name, help=self.summary.replace("%", "%%"), add_help=False, prefix_chars=_NO_PREFIX)
        parser.add_argument("words", nargs="*")
        parser.set_defaults(run=self.run)

    def run(self, parsed: argparse.Namespace) -> int:
        """Call it with the words of the command line, and return the exit status.

        Raises: PluginError where it cannot be loaded, or belongs to several distributions.
        """
        if len(self.points) > 1:
            both = " and ".join(map(_who, self.points))
            raise PluginError(
                f"the command {self.name} is brought by both {both}; leave one out with {WITHOUT}={_names(self.points)}"
            )
        return int(self._load()(list(parsed.words)))

    def _load(self) -> Callable[[list[str]], int]:
        (point,) = self.points
        try:
            loaded: Callable[[list[str]], int] = point.load()
        except (Exception, SystemExit) as error:  # (whatever a stranger's module raises)
            reason = described(error, module=point.module)
            raise PluginError(
                f"the command {self.name} of {_who(point)} ({point.value}) cannot be loaded: {reason}; mend or reinstall it"
            ) from error
        return loaded


def commands_of_plugins(built_in: Collection[str]) -> list[Command]:
    """Return the commands that plugins bring, by name; those of `built_in` stay as they are, and `SEQLAB_WITHOUT` counts.

    A damaged distribution that would bring some is warned of.
    """
    without = set(names_to_leave_out())
    there = list(entry_points_found(ENTRY_POINT_GROUP))
    for one in there:
        if isinstance(one, LeftOut) and not {one.name, one.distribution} & without:
            log.warning(one)
    points = [one for one in there if isinstance(one, EntryPoint) and one.name not in built_in]
    found: dict[str, list[EntryPoint]] = {}
    for point in sorted(points, key=lambda point: (point.name, _who(point))):
        if not {point.name, point.dist.name if point.dist else ""} & without:
            found.setdefault(point.name, []).append(point)
    return [Command(name, tuple(points)) for name, points in found.items()]


def _names(points: Iterable[EntryPoint]) -> str:
    return f" or {WITHOUT}=".join(point.dist.name for point in points if point.dist)


def _who(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"
