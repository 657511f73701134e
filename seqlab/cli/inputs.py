"""Options shared by commands, and the input of those that read texts or records."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from seqlab.errors import ConfigError, DataError

if TYPE_CHECKING:
    from seqlab.inference.inputs import Chunk, InputFormat
    from seqlab.inference.tagger import Tagger

STDIN = "-"
INPUT_FORMATS = ("text", "conll", "conllu", "jsonl")
FORMAT_OF_SUFFIX = {".conllu": "conllu", ".jsonl": "jsonl", ".ndjson": "jsonl"}
FORMAT_OF_SUFFIX |= dict.fromkeys((".conll", ".iob", ".bio", ".tsv"), "conll")


def add_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int] | None, *, summary: str, description: str | None
) -> argparse.ArgumentParser:
    """Add a command that calls `run` with its options; its help keeps the line breaks of `description`."""
    # No abbreviations: an option that is added later could make a script's abbreviation ambiguous.
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.set_defaults(run=run)
    return parser


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the argument for a trained model."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="run folder, or the model folder inside it")


def add_set(parser: argparse.ArgumentParser) -> None:
    """Add the option that changes settings of a reader."""
    text = "change a setting of the format's reader (conf/data/FORMAT.yaml), such as columns.tags=3; may be repeated"
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=text)


def add_input_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that describe the input."""
    parser.add_argument("--input-format", choices=INPUT_FORMATS, help="format of FILE (default: by its extension, else text)")
    columns = "columns of conll input, from 0; negative ones count from the end (default: as in training, else tokens=0)"
    parser.add_argument("--columns", metavar="NAME=N,…", help=columns)
    comment = "start of comment lines in conll input (default: as in training, else none)"
    parser.add_argument("--comment-prefix", metavar="PREFIX", help=comment)


@contextmanager
def opened(file: str) -> Iterator[BufferedIOBase]:
    """Open a file, or stdin for `-`."""
    if file == STDIN:
        if sys.stdin.isatty():
            print("reading from the terminal; end with Ctrl-D", file=sys.stderr)
        yield cast(BufferedIOBase, sys.stdin.buffer)
        return
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(Path(file).open("rb"))
        except OSError as error:
            raise DataError(f"{file}: cannot be read: {error.strerror}; expected a file, or - for stdin") from error
        yield stream  # outside `try`, so that errors of the caller are not caught


def input_format(options: argparse.Namespace, tagger: "Tagger", *, needed: Sequence[str]) -> "InputFormat":
    """Return the format from the options or the file's extension, for records with the columns `needed`."""
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


def read_chunks(
    options: argparse.Namespace, tagger: "Tagger", stream: BufferedIOBase, *, needed: Sequence[str]
) -> "Iterator[Chunk]":
    """Return the records of the input in chunks, after checking that its format has the columns `needed`."""
    from seqlab.inference.lines import line_chunks

    source = input_format(options, tagger, needed=needed)
    source.check_columns(needed)
    name = "<stdin>" if options.file == STDIN else options.file
    return source.chunks(line_chunks(stream, name=name), name=name)


def add_allow(parser: argparse.ArgumentParser) -> None:
    """Add the option that allows classes from the working directory."""
    text = "import a class of the model from FILE.py in the working directory, if you trust that file; may be repeated"
    parser.add_argument("--allow", metavar="FILE.CLASS", action="append", default=[], help=text)
