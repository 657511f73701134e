"""Write a vector for each record of FILE or stdin: the summary that the model's encoder computes.

  seqlab encode runs/X notes.txt -o vectors.parquet           a row per record: row, id, text, vector
  seqlab encode runs/X notes.txt -o vectors.parquet --steps   a row per step, which is a word or tree node: row, id, start,
                                                              end, label_HEAD, text, vector
  seqlab encode runs/X trees.jsonl -o vectors.npy             only the vectors, for numpy.load

The extension of the output gives its format: .parquet, .jsonl (an object per record) or .npy (float32, a row per vector). Input
is read as in `seqlab predict`, with the same --format. An empty record has no steps, and the summary that the encoder gives for
empty input. `row` is the record's index in the input, from 0; `id` is that of a JSON object or a row, otherwise null. Input
is encoded in chunks, so it may be larger than memory. `seqlab search` finds the nearest rows in a Parquet file.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from seqlab.cli.inputs import (
    STDIN,
    add_allow,
    add_command,
    add_input_options,
    add_model,
    labelled,
    name_of,
    opened,
    read_chunks,
)
from seqlab.cli.process import returning_memory
from seqlab.data.atomic_write import replacing
from seqlab.errors import ConfigError


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, "encode", run, summary="write vectors of sentences, or of all their words or tree nodes", description=__doc__
    )
    add_model(parser)
    parser.add_argument("file", metavar="FILE", nargs="?", default=STDIN, help="input to encode; - (default): stdin")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, required=True, help="file to write: .parquet, .jsonl, .npy"
    )
    parser.add_argument("--steps", action="store_true", help="write vectors of all steps (words, or nodes of trees)")
    add_input_options(parser)
    add_allow(parser)


def run(options: argparse.Namespace) -> int:
    """Encode the input; the output appears only once it is complete."""
    path: Path = options.output
    with opened(options.file) as stream:
        # After opening the input, so that a mistyped path is reported at once: importing torch takes seconds.
        from seqlab.inference.tagger import Tagger
        from seqlab.inference.vectors.files import file_type, kind_of

        make = file_type(path)  # before loading the model, since it fails for an unknown extension
        tagger = Tagger.load(options.model, allow=options.allow)
        chunks, name = read_chunks(options, tagger, stream, needed=tagger.encoder_columns), name_of(options)
        # Parquet and NumPy files cannot be read until they are closed, so a partial one would be of no use.
        with replacing(path) as unfinished:
            try:
                out = make(unfinished, kind=kind_of(tagger, use_steps=options.steps))
            except OSError as error:
                reason = error.strerror or f"no folder {path.parent}"  # Arrow gives only a long message
                hint = "choose a file in an existing folder"
                raise ConfigError(f"--output {path} cannot be written: {reason}; {hint}") from error
            for chunk in returning_memory(chunks):
                encoded = labelled(lambda records, _: tagger.encode(records, use_steps=options.steps), chunk, name=name)
                out.write(chunk.records, encoded)
            out.close()
    print(f"{path}: {out.n_records} records, {out.kind.vectors} of width {out.kind.width}", file=sys.stderr)
    return 0
