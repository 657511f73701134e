"""`seqlab search`: find the nearest rows in a file of vectors."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqlab.cli.inputs import add_allow, add_command, add_input_options, opened, read_chunks
from seqlab.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

    from seqlab.inference.vectors.search import Neighbour, VectorSearch

FORMATS = ("table", "jsonl")
DESCRIPTION = """Find the rows of VECTORS, a Parquet file from `seqlab encode`, closest to a query by cosine (exact search).

  seqlab search vectors.parquet --model runs/X --text "was not bad at all"     a sentence; may be repeated
  seqlab search vectors.parquet --model runs/X --queries questions.jsonl       the records of a file, read as in `seqlab
                                                                               predict`; needed if the model reads trees
  seqlab search vectors.parquet --row 17                                       a row of the file itself, from 0; no model

The model must be the one that made the file. In a file of steps, a query is the step that covers all of it, such as the root of
its tree, or otherwise the mean of its steps; so phrases find phrases. jsonl has an object per query: "query" and "nearest",
each with "cosine", "place" (its row in VECTORS) and its other columns.
"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    summary = "find the nearest rows in a file of vectors"
    parser = add_command(commands, "search", summary=summary, description=DESCRIPTION)
    parser.add_argument("vectors", metavar="VECTORS", type=Path, help="Parquet file from `seqlab encode`")
    parser.add_argument("--model", metavar="MODEL", type=Path, help="run folder, or the model folder inside it")
    parser.add_argument("--text", metavar="TEXT", action="append", default=[], help="a query; may be repeated")
    parser.add_argument("--queries", metavar="FILE", dest="file", help="file of queries")
    parser.add_argument(
        "--row", metavar="N", type=int, action="append", default=[], help="row of VECTORS as query; may be repeated"
    )
    parser.add_argument("-k", metavar="K", type=int, default=10, help="number of rows to find (default: 10)")
    parser.add_argument("--format", choices=FORMATS, default="table", help="output format (default: table)")
    add_input_options(parser)
    add_allow(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the nearest rows."""
    _check(options)
    from seqlab.inference.vectors.search import VectorSearch

    search = VectorSearch(options.vectors)
    if options.row:
        names, queries = [f"row {row}" for row in options.row], search.vectors_at(options.row)
    else:
        names, queries = _encoded(options, search)
    if not names:
        return 0
    for name, found in zip(names, search.nearest(queries, k=options.k), strict=True):
        if options.format == "jsonl":
            nearest = [{"cosine": round(one.cosine, 6), "place": one.place, **one.content} for one in found]
            print(json.dumps({"query": name, "nearest": nearest}, ensure_ascii=False))
        else:
            _print_table(name, found)
    return 0


def _check(options: argparse.Namespace) -> None:
    if options.k < 1:
        raise ConfigError(f"-k is {options.k}; expected at least 1")
    given = [name for name, value in (("--text", options.text), ("--queries", options.file), ("--row", options.row)) if value]
    if len(given) != 1:
        found = " and ".join(given) or "nothing"
        raise ConfigError(f"queries come from {found}; expected exactly one of --text, --queries and --row")
    if not options.row and options.model is None:
        raise ConfigError(f"{given[0]} needs the model that made {options.vectors}; add --model")


def _encoded(options: argparse.Namespace, search: "VectorSearch") -> "tuple[list[str], np.ndarray]":
    import numpy as np

    from seqlab.inference.inputs import TextFormat
    from seqlab.inference.tagger import Tagger, read_input

    tagger = Tagger.load(options.model, allow=options.allow)
    queries: list[Any] = list(options.text)
    if options.file is None:
        TextFormat().check_columns(tagger.encoder_columns)
    else:
        with opened(options.file) as stream:
            chunks = read_chunks(options, tagger, stream, needed=tagger.encoder_columns)
            queries = [record for chunk in chunks for record in chunk.records]
    if not queries:
        print(f"{options.file}: no records, so nothing to search for", file=sys.stderr)
    records = map(read_input, queries)
    names = [str(record.get("text") or " ".join(record.get("tokens", []))) for record in records]
    return names, search.encode(tagger, queries) if queries else np.zeros((0, search.width))


def _print_table(name: str, found: "Sequence[Neighbour]") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from seqlab.cli.score_tables import table_console

    console = table_console()
    columns = [key for key in (found[0].content if found else {}) if any(one.content[key] is not None for one in found)]
    table = Table(title=Text(name), title_justify="left", box=box.SIMPLE_HEAD if console.is_terminal else None)
    for heading in ("cosine", "place", *columns):
        is_number = heading in ("cosine", "place", "row", "start", "end")
        table.add_column(heading, justify="right" if is_number else "left", overflow="fold")
    for one in found:
        cells = [f"{one.cosine:.4f}", str(one.place), *(_cell(one.content[key]) for key in columns)]
        table.add_row(*map(Text, cells))
    console.print(table)


def _cell(value: object) -> str:
    return "" if value is None else str(value)
