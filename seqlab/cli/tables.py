"""Print plain tables on terminals and into pipes."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from seqlab.cli.score_tables import table_console


def print_rows(heading: Sequence[str], rows: Iterable[Sequence[str]], *, n_names: int = 1) -> None:
    """Print a table. Its first `n_names` columns are text, which folds on narrow terminals; the others are numbers."""
    console = table_console()
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False)
    for i, name in enumerate(heading):
        if i < n_names:
            table.add_column(name, overflow="fold")
        else:
            table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))  # as text, since names of the user's are not markup
    console.print(table)
