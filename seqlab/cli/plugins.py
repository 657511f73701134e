"""List the providers of options: seqlab itself, and installed plugins.

  seqlab plugins                                name, version, options and location of each
  seqlab plugins doctor                         check the plugins; exit status 1 if one is broken
  seqlab plugins doctor NAME                    check one; seqlab: the built-in parts
  seqlab plugins new my_encoder --kind encoder  write a plugin that passes its tests, to start from

SEQLAB_WITHOUT=NAME leaves a plugin out; separate several names by commas.
"""

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqlab.cli.inputs import add_command

if TYPE_CHECKING:
    from rich.console import Console

    from seqlab.config.plugins import Discovery, Installed, Plugin

KINDS = ("encoder", "head", "embedding", "reader", "field")


def add_parser(commands: Any) -> None:
    """Add the command `plugins` with its actions."""
    parser = add_command(commands, "plugins", show, summary="list and check plugins, start a new one", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    text = "Import each plugin, compose its options and check them against its classes; prints a line for each finding."
    checks = add_command(actions, "doctor", doctor, summary="check plugins", description=text)
    checks.add_argument("names", nargs="*", metavar="NAME", help="default: all but seqlab itself")
    # Suppressed, or its default would overwrite a --json before the action.
    checks.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print everything as JSON")
    text = "Write a distribution seqlab-NAME: a class, its option, its contract test and a README."
    starts = add_command(actions, "new", new, summary="start a plugin", description=text)
    starts.add_argument("name", metavar="NAME", help="of the plugin and of its option: lower-case letters, digits and _")
    starts.add_argument("--kind", choices=KINDS, required=True, help="what it adds")
    starts.add_argument("--dir", type=Path, default=Path(), metavar="FOLDER", help="where to write it (default: here)")


def show(options: argparse.Namespace) -> int:
    """Print the installed providers."""
    from seqlab.config.plugins import discover
    from seqlab.data.atomic_write import to_json

    found = discover()
    if options.json:
        print(to_json(_content(found), indent=2))
    else:
        _print_table(found)
    _print_unknown_names(found)
    return 0


def doctor(options: argparse.Namespace) -> int:
    """Print the findings; return 1 if a plugin is broken, else 0."""
    from seqlab.config.plugins import discover
    from seqlab.config.plugins.authoring import examine
    from seqlab.data.atomic_write import to_json

    # Composing options warns of unusable plugins, which the report has as findings.
    with _without_warnings():
        reports = examine(options.names)
    if options.json:
        print(to_json([report.as_json() for report in reports], indent=2))
    else:
        for report in reports:
            print("\n".join(report.lines() or [f"{report.who}: sound"]))
        if not reports:
            print("no plugin is installed; `seqlab plugins doctor seqlab` checks the built-in parts")
    _print_unknown_names(discover())
    return int(any(report.is_broken for report in reports))


def new(options: argparse.Namespace) -> int:
    """Write the plugin, and print the next commands."""
    from seqlab.config.plugins.authoring import start_plugin

    root = start_plugin(options.name, kind=options.kind, folder=options.dir)
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        print(path)
    print(f"\nnext: cd {root} && pip install -e . && pytest")
    return 0


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Silence warnings of plugins that are left out: they are among the findings."""
    log = logging.getLogger("seqlab.config.plugins")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _print_unknown_names(found: "Discovery") -> None:
    for line in found.unknown_name_warnings():
        print(line, file=sys.stderr)


def _content(found: "Discovery") -> list[dict[str, Any]]:
    content = []
    for plugin in found.providers:
        where = {"from": str(plugin.folder), "origin": plugin.origin}
        content.append({**_identity(plugin), **where, "options": plugin.groups(), "left_out": None})
    nowhere: dict[str, Any] = {"from": None, "origin": None, "options": {}}
    return content + [{**_identity(one), **nowhere, "left_out": one.reason} for one in found.left_out]


def _identity(one: "Installed") -> dict[str, Any]:
    return {"name": one.name, "version": one.version, "distribution": one.distribution}


def _print_table(found: "Discovery") -> None:
    from seqlab.cli.tables import print_rows, table_console

    console = table_console()
    if console.is_terminal:
        _print_by_plugin(found, console)
        return
    # For other programs: a line for each config group of each plugin.
    heading = ("name", "version", "distribution", "from", "adds", "options")
    rows = [
        (*_identity(plugin).values(), _origin(plugin), group, ", ".join(options))
        for plugin in found.providers
        for group, options in _named_groups(plugin).items()
    ]
    rows += [(*_identity(one).values(), "", "left out", one.reason) for one in found.left_out]
    print_rows(heading, rows, texts=heading)


def _print_by_plugin(found: "Discovery", console: "Console") -> None:
    """Print a heading for each plugin and its options below, for a terminal."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    width = max(len(group) for plugin in found.providers for group in _named_groups(plugin))
    for plugin in found.providers:
        console.print(Text.assemble(_heading(plugin), f"  {_origin(plugin)}"), overflow="fold")
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(min_width=width, no_wrap=True)
        table.add_column()
        for group, options in _named_groups(plugin).items():
            table.add_row(Text(group), Text(", ".join(options)))
        console.print(Padding(table, (0, 0, 1, 2)))
    for one in found.left_out:
        console.print(Text.assemble(_heading(one), "  left out"))
        console.print(Padding(Text(one.reason), (0, 0, 1, 2)))


def _heading(one: "Installed") -> tuple[str, str]:
    distribution = "" if one.distribution == one.name else f" ({one.distribution})"
    return f"{one.name} {one.version}{distribution}", "bold"


def _named_groups(plugin: "Plugin") -> dict[str, list[str]]:
    """Return the options by group; those without a group are whole configs."""
    return {group or "(whole)": options for group, options in plugin.groups().items()} or {"": []}


def _origin(plugin: "Plugin") -> str:
    where = "built in" if plugin.name == plugin.distribution == "seqlab" else plugin.origin
    return f"{plugin.folder} ({where})"
