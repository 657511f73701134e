"""Print plain tables on terminals and into pipes."""

from collections.abc import Collection, Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqlab.errors import visible

_PLAIN_WIDTH = 10_000
"""Characters of a line where the output is no terminal, so that each row stays on one line."""


def table_console() -> Console:
    """Return a console as wide as the terminal; without a terminal, so wide that no table is wrapped."""
    console = Console()
    return console if console.is_terminal else Console(width=_PLAIN_WIDTH)


def new_table(console: Console, heading: Sequence[str], *, texts: Collection[str], title: str | None = None) -> Table:
    """Return a table without rows. Columns named in `texts` fold on narrow terminals; the others are numbers, which do not."""
    shown_title = None if title is None else Text(visible(title))  # as text, since names of the user's are not markup
    frame = box.SIMPLE_HEAD if console.is_terminal else None
    table = Table(title=shown_title, title_justify="left", box=frame, pad_edge=False)
    for name in heading:
        if name in texts:
            table.add_column(name, overflow="fold")
        else:
            table.add_column(name, justify="right", no_wrap=True)
    return table


def print_rows(
    heading: Sequence[str], rows: Iterable[Sequence[str]], *, texts: Collection[str], title: str | None = None
) -> None:
    """Print a table, as `new_table` describes it."""
    console = table_console()
    table = new_table(console, heading, texts=texts, title=title)
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    console.print(table)
