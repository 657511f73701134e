"""`seqlab encode`: vectors of the records of a file, or of all their steps."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqlab.cli.inputs import STDIN, add_allow, add_input_options, input_format, opened
from seqlab.data.atomic_write import replacing
from seqlab.errors import ConfigError

if TYPE_CHECKING:
    from seqlab.inference import Tagger
    from seqlab.inference.vectors.files import VectorFile

DESCRIPTION = """Write the vectors of the records of FILE, or standard input: what the model's encoder sums each up in.

  seqlab encode runs/X notes.txt -o vectors.parquet           a row a record: row, id, text, vector
  seqlab encode runs/X notes.txt -o vectors.parquet --steps   a row a step, which is a word or the node of a tree: row, id,
                                                              start, end, label_HEAD, text, vector
  seqlab encode runs/X trees.jsonl -o vectors.npy             the vectors alone, for numpy.load

The ending of the output says its format: .parquet, .jsonl (an object a record) or .npy (float32, a row each). Input is as
`seqlab predict` takes it; an empty record has the vector that the encoder gives for none, and no step. `row` is the record's
place in the input, from 0, and `id` that of a JSON object, else null. Input is encoded piece by piece, so it may be larger than
memory. `seqlab search` finds the nearest rows of a Parquet file.
"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "encode",
        help="write vectors of sentences, or of all their words or nodes",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL", type=Path, help="run folder, or the model folder in it")
    parser.add_argument("file", metavar="FILE", nargs="?", default=STDIN, help="what to encode; - (the default): stdin")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, required=True, help="where to write: .parquet, .jsonl, .npy"
    )
    parser.add_argument("--steps", action="store_true", help="vectors of all steps (words, or nodes of trees)")
    add_input_options(parser)
    add_allow(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Encode the input."""
    name = "<stdin>" if options.file == STDIN else options.file
    with opened(options.file) as stream:
        from seqlab.inference.lines import line_stretches
        from seqlab.inference.tagger import Tagger
        from seqlab.inference.vectors.files import file_type

        file_type(options.output)
        tagger = Tagger.load(options.model, allow=options.allow)
        source = input_format(options, tagger, needed=tagger.encoder_columns)
        source.check_columns(tagger.encoder_columns)
        with _written(options, tagger) as out:
            for stretch in source.stretches(line_stretches(stream, name=name), name=name):
                out.write(stretch.records, tagger.encode(stretch.records, use_steps=options.steps))
        print(f"{options.output}: {out.n_records} records, {out.kind.vectors} of width {out.kind.width}", file=sys.stderr)
    return 0


@contextmanager
def _written(options: argparse.Namespace, tagger: "Tagger") -> Iterator["VectorFile"]:
    """Open the output."""
    from seqlab.inference.vectors.files import file_type, kind_of

    path: Path = options.output
    with replacing(path) as unfinished:
        try:
            out = file_type(path)(unfinished, kind=kind_of(tagger, use_steps=options.steps))
        except OSError as error:
            reason = error.strerror or f"no folder {path.parent}"  # Arrow says no more of it than a long line
            what = f"--output {path} cannot be written: {reason}; give a file in a folder that exists"
            raise ConfigError(what) from error
        yield out
        out.close()
