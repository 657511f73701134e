"""Commands of plugins: entry points in group `seqlab.commands`, imported when they are called.

With an entry point `name = "package.module:function"`, `seqlab name …` calls the function with the words that follow, and exits
with the status that it returns.
"""

import argparse
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from itertools import groupby
from typing import Any

from seqlab.config.imports import described
from seqlab.config.plugins.entry_points import entry_points_found
from seqlab.config.plugins.inspection import WITHOUT, names_to_leave_out
from seqlab.config.plugins.plugin import LeftOut
from seqlab.errors import PluginError

log = logging.getLogger(__name__)
ENTRY_POINT_GROUP = "seqlab.commands"
_NO_PREFIX = "\0"
"""No word of a command line begins with it, so argparse takes none for an option."""


@dataclass(frozen=True)
class Command:
    """A command of one distribution or, by mistake, of several."""

    name: str
    points: tuple[EntryPoint, ...]

    @property
    def summary(self) -> str:
        """The summary of its distribution."""
        dist = self.points[0].dist
        return (dist.metadata["Summary"] if dist else None) or f"of {_who(self.points[0])}"

    def add_parser(self, commands: Any) -> None:
        """Add it to `commands`; all words after its name, options too, are passed on unchanged."""
        parser = commands.add_parser(self.name, help=self.summary.replace("%", "%%"), add_help=False, prefix_chars=_NO_PREFIX)
        parser.add_argument("words", nargs="*")
        parser.set_defaults(run=self.run)

    def run(self, parsed: argparse.Namespace) -> int:
        """Call it with the words of the command line, and return the exit status.

        Raises: PluginError if it cannot be loaded, or belongs to several distributions.
        """
        if len(self.points) > 1:
            both = " and ".join(map(_who, self.points))
            choices = " or ".join(f"{WITHOUT}={point.dist.name}" for point in self.points if point.dist)
            raise PluginError(f"both {both} bring a command {self.name}; leave one out with {choices}")
        (point,) = self.points
        try:
            function: Callable[[list[str]], int] = point.load()
        except (Exception, SystemExit) as error:  # foreign code may raise anything, and may try to exit
            command = f"the command {self.name} of {_who(point)} ({point.value})"
            reason = described(error, module=point.module)
            raise PluginError(f"{command} cannot be loaded: {reason}; fix or reinstall it") from error
        return int(function(list(parsed.words)))


def commands_of_plugins(built_in: Collection[str]) -> list[Command]:
    """Return the commands of plugins by name, without those of `built_in` names and of plugins in `SEQLAB_WITHOUT`.

    Damaged distributions are skipped with a warning.
    """
    without = set(names_to_leave_out())
    points = []
    for point in entry_points_found(ENTRY_POINT_GROUP):
        if isinstance(point, LeftOut):
            if not point.is_among(without):
                log.warning(point)
        # Built-in commands win: a plugin must not change what `seqlab train` does.
        elif point.name not in built_in and not {point.name, point.dist.name if point.dist else ""} & without:
            points.append(point)
    # `groupby` joins neighbours only, hence the sort by name.
    points.sort(key=lambda point: (point.name, _who(point)))
    return [Command(name, tuple(of_name)) for name, of_name in groupby(points, key=lambda point: point.name)]


def _who(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"
