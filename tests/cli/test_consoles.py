"""Where tables are printed."""

import pytest
from rich.table import Table

from seqlab.cli.tables import table_console


def test_off_a_terminal_no_line_of_a_table_is_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    table, long = Table("name", "number", box=None), " ".join(["word"] * 100)
    table.add_row(long, "1")
    table_console().print(table)
    _, line = capsys.readouterr().out.splitlines()
    assert line.split() == [*long.split(), "1"]
