"""The input of commands that read texts or records: a file or standard input, and its format."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import TYPE_CHECKING, cast

from seqlab.errors import ConfigError, DataError

if TYPE_CHECKING:
    from seqlab.inference.inputs import InputFormat
    from seqlab.inference.tagger import Tagger

STDIN = "-"
INPUT_FORMATS = ("text", "conll", "conllu", "jsonl")
FORMAT_OF_SUFFIX = {
    **dict.fromkeys((".conll", ".iob", ".bio", ".tsv"), "conll"),
    ".conllu": "conllu",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}


def add_input_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what the input is."""
    parser.add_argument("--input-format", choices=INPUT_FORMATS, help="format of FILE")
    parser.add_argument(
        "--columns",
        metavar="NAME=N,…",
        help="columns of conll input, from 0, negative from the end (default: as trained; else tokens=0)",
    )
    parser.add_argument(
        "--comment-prefix",
        metavar="PREFIX",
        help="lines of conll input that start with it have no token (default: as trained; else none)",
    )


@contextmanager
def opened(file: str) -> Iterator[BufferedIOBase]:
    """Open `file`, or standard input."""
    if file == STDIN:
        if sys.stdin.isatty():
            print("reading from the terminal, up to Ctrl-D", file=sys.stderr)
        yield cast(BufferedIOBase, sys.stdin.buffer)
        return
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(Path(file).open("rb"))
        except OSError as error:
            what = f"{file}: cannot be read: {error.strerror}; give a file, or - for standard input"
            raise DataError(what) from error
        yield stream


def input_format(options: argparse.Namespace, tagger: "Tagger", *, needed: Sequence[str]) -> "InputFormat":
    """Return the format that the options say, or that the file's ending does, of records with the columns `needed`."""
    from dataclasses import replace

    from seqlab.inference.conll import ConllFormat, conll_format, parse_columns
    from seqlab.inference.inputs import JsonlFormat, TextFormat

    form = options.input_format or FORMAT_OF_SUFFIX.get(Path(options.file).suffix.lower(), "text")
    if form not in ("conll", "conllu") and (options.columns or options.comment_prefix):
        raise ConfigError(f"--columns and --comment-prefix are for conll input, not {form}; set --input-format conll")
    if form == "text":
        return TextFormat()
    if form == "jsonl":
        return JsonlFormat(needed=needed)
    if form == "conllu":
        return ConllFormat.conllu(needed=needed)
    columns = parse_columns(options.columns) if options.columns else None
    reader = tagger.bundle.facts.get("data", {}).get("reader", {})
    layout = conll_format(reader, columns=columns, needed=needed)
    return replace(layout, comment_prefix=options.comment_prefix) if options.comment_prefix else layout


def add_allow(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument(
        "--allow",
        metavar="FILE.CLASS",
        action="append",
        default=[],
        help="import a class that the model is made of, though no plugin brings it, from FILE.py in the working folder;"
        " only for files that you trust; may be repeated",
    )
