"""Options shared by commands, and the input of those that read texts or records."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from seqlab.errors import DataError

if TYPE_CHECKING:
    from seqlab.inference.inputs import Chunk, Record
    from seqlab.inference.tagger import Tagger

Found = TypeVar("Found")
STDIN = "-"


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
    formats = "format of FILE: text, conll, conllu, jsonl, csv, parquet, lines, trees … (default: by content and extension)"
    parser.add_argument("--format", "--input-format", dest="input_format", metavar="NAME", help=formats)
    columns = "columns of the input: of conll their numbers, from 0 or negative from the end (default: as in training, else"
    columns += " tokens=0); of csv and parquet their names, such as text=review (default: as in training, else text)"
    parser.add_argument("--columns", metavar="NAME=COLUMN,…", help=columns)
    comment = "start of comment lines in conll input (default: as in training, else none)"
    parser.add_argument("--comment-prefix", metavar="PREFIX", help=comment)


@contextmanager
def opened(file: str) -> Iterator[BufferedIOBase]:
    """Open a file, or stdin for `-`; a folder of parallel files has no content of its own."""
    if file == STDIN:
        if sys.stdin.isatty():
            print("reading from the terminal; end with Ctrl-D", file=sys.stderr)
        yield cast(BufferedIOBase, sys.stdin.buffer)
        return
    with ExitStack() as stack:
        try:
            is_folder = (Path(file) / "seq.in").exists()
            stream: BufferedIOBase = BytesIO() if is_folder else stack.enter_context(Path(file).open("rb"))
        except OSError as error:
            raise DataError(f"{file}: cannot be read: {error.strerror}; expected a file, or - for stdin") from error
        yield stream  # outside `try`, so that errors of the caller are not caught


def read_chunks(
    options: argparse.Namespace, tagger: "Tagger", stream: BufferedIOBase, *, needed: Sequence[str]
) -> "Iterator[Chunk]":
    """Return the records of the input in chunks, after checking that its format has the columns `needed`."""
    from seqlab.data.formats import HEAD_BYTES
    from seqlab.inference.choose import InputChoice
    from seqlab.inference.lines import with_head

    head, whole = with_head(stream, n_bytes=HEAD_BYTES)
    choice = InputChoice(
        path=None if options.file == STDIN else Path(options.file),
        reader=tagger.bundle.facts.get("data", {}).get("reader", {}),
        needed=needed,
        columns=options.columns,
        comment_prefix=options.comment_prefix,
    )
    source = choice.format(_format_name(options, head))
    source.check_columns(needed)
    return source.read(whole, name=name_of(options))


def name_of(options: argparse.Namespace) -> str:
    """Return the name of the input in messages."""
    return "<stdin>" if options.file == STDIN else str(options.file)


def labelled(ask: "Callable[[Sequence[Record], Sequence[int] | None], Found]", chunk: "Chunk", *, name: str) -> "Found":
    """Return `ask(records, numbers)`; a DataError that a record causes on its own gets its line."""
    try:
        return ask(chunk.records, chunk.numbers)
    except DataError as first:
        # The message has the line already.
        if "(line " in str(first):
            raise
        # A chunk fails as a whole; asking for its records one by one finds the one at fault. This costs time only after an
        # error.
        for record, number in zip(chunk.records, chunk.numbers or (), strict=False):
            try:
                ask([record], [number])
            except DataError as error:
                raise DataError(f"{name}:{number}: {error}") from None
        raise


def _format_name(options: argparse.Namespace, head: bytes) -> str:
    """Return the format that the options name, else that of the content and the extension, which is named on stderr."""
    from seqlab.data.formats import check_readable, detect
    from seqlab.inference.choose import check_name

    name = name_of(options)
    if options.input_format is not None:
        check_name(options.input_format)
        if options.input_format != "parquet":
            check_readable(head, name=name)
        return str(options.input_format)
    if (Path(options.file) / "seq.in").exists():
        return "lines"
    found = detect(head, name=name, suffix="" if options.file == STDIN else Path(options.file).suffix)
    if found.is_by_content:
        print(f"note: {name}: read as {found.format}, by its content; --format sets another", file=sys.stderr)
    return found.format


def add_allow(parser: argparse.ArgumentParser) -> None:
    """Add the option that allows classes from the working directory."""
    text = "import a class of the model from FILE.py in the working directory, if you trust that file; may be repeated"
    parser.add_argument("--allow", metavar="FILE.CLASS", action="append", default=[], help=text)
