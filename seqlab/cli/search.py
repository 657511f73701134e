"""Find the rows of VECTORS, a Parquet file from `seqlab encode`, closest to a query by cosine (exact search).

  seqlab search vectors.parquet --model runs/X --text "was not bad at all"     a sentence; may be repeated
  seqlab search vectors.parquet --model runs/X --queries questions.jsonl       the records of a file, read as in `seqlab
                                                                               predict`; needed if the model reads trees
  seqlab search vectors.parquet --row 17                                       a row of the file itself, from 0; no model

The model must be the one that made the file. In a file of steps, a query is the step that covers all of it, such as the root of
its tree, or otherwise the mean of its steps; so phrases find phrases. jsonl has an object per query: "query" and "nearest",
each with "cosine", "place" (its row in VECTORS) and its other columns.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqlab.cli.inputs import add_allow, add_command, add_input_options, opened, read_chunks
from seqlab.data.atomic_write import to_json
from seqlab.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

    from seqlab.inference.vectors.search import Neighbour, VectorSearch


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(commands, "search", run, summary="find the nearest rows in a file of vectors", description=__doc__)
    parser.add_argument("vectors", metavar="VECTORS", type=Path, help="Parquet file from `seqlab encode`")
    parser.add_argument("--model", metavar="MODEL", type=Path, help="run folder, or the model folder inside it")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", metavar="TEXT", action="append", default=[], help="a query; may be repeated")
    source.add_argument("--queries", metavar="FILE", dest="file", help="file of queries")
    source.add_argument("--row", metavar="N", type=int, action="append", default=[], help="row of VECTORS; may be repeated")
    parser.add_argument("-k", metavar="K", type=int, default=10, help="number of rows to find (default: 10)")
    parser.add_argument("--to", choices=("table", "jsonl"), default="table", help="output format (default: table)")
    add_input_options(parser)
    add_allow(parser)


def run(options: argparse.Namespace) -> int:
    """Print the nearest rows."""
    if options.k < 1:
        raise ConfigError(f"-k is {options.k}; expected at least 1")
    if not options.row and options.model is None:
        raise ConfigError(f"--model is missing; expected the model that made {options.vectors}")
    # After the checks, since importing torch takes seconds.
    from seqlab.inference.vectors.search import VectorSearch

    search = VectorSearch(options.vectors)
    if options.row:
        names, queries = [f"row {row}" for row in options.row], search.vectors_at(options.row)
    else:
        names, queries = _encoded(options, search)
    # An empty file of queries is no mistake: it has no nearest rows.
    if not names:
        return 0
    for name, found in zip(names, search.nearest(queries, k=options.k), strict=True):
        if options.to == "jsonl":
            nearest = [{"cosine": round(one.cosine, 6), "place": one.place, **one.content} for one in found]
            print(to_json({"query": name, "nearest": nearest}))
        else:
            _print_table(name, found)
    return 0


def _encoded(options: argparse.Namespace, search: "VectorSearch") -> "tuple[list[str], np.ndarray]":
    import numpy as np

    from seqlab.inference.given import read_input
    from seqlab.inference.inputs import TextFormat
    from seqlab.inference.tagger import Tagger

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
    from seqlab.cli.tables import print_rows

    columns = [key for key in (found[0].content if found else {}) if any(one.content[key] is not None for one in found)]
    rows = [
        [f"{one.cosine:.4f}", str(one.place), *("" if one.content[key] is None else str(one.content[key]) for key in columns)]
        for one in found
    ]
    texts = [column for column in columns if column not in ("row", "start", "end")]
    print_rows(("cosine", "place", *columns), rows, texts=texts, title=name)
