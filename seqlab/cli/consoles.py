"""Where tables are printed: a terminal is as wide as it is; what goes to a file or another program is cut nowhere."""

from rich.console import Console

_PLAIN_WIDTH = 10_000
"""Characters a line where the output is no terminal: a line a row, whatever its length."""


def table_console() -> Console:
    """Return a console as wide as the terminal; elsewhere so wide that no table is wrapped."""
    console = Console()
    return console if console.is_terminal else Console(width=_PLAIN_WIDTH)
