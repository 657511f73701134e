"""Label FILE, or standard input, with a trained model.

  seqlab predict runs/X notes.txt                       labelled text, in colour on a terminal
  seqlab predict runs/X test.conll --to conll           the same lines, with the label as last column
  seqlab predict runs/X reviews.csv --columns text=body the column "body"; default: the text column of the training
  cat texts.jsonl | seqlab predict runs/X > labelled.jsonl

input formats (--format; default: found by content and extension, and named on stderr if the extension does not say it):
  text      one record per line; an empty line is an empty record; for .txt, .md, no extension and stdin
  conll     one token per line, columns separated by tabs or spaces, a blank line after each sequence
  conllu    the ten columns of Universal Dependencies; ranges (8-9) and empty nodes (8.1) get the label _
  jsonl     one object per line with "text", "tokens" (a list) or "frames" (lists of numbers, for models that read them),
            and other columns that the model reads; tokens beside a text are aligned with it, and may be apart only by white
            space
  csv       CSV or TSV with a header: a record per row, other columns are kept
  parquet   the same, from Parquet; "tokens" may be a column of lists
  frames    CSV, TSV or Parquet with a row per step and columns of numbers, for models trained with data=frames
  lines     a folder of parallel files with seq.in; not from stdin
  trees     bracketed trees (plugin seqlab-recnn); the name of any other option of conf/data that reads files works, too,
            but not for stdin
A file whose format is not known, a compressed file or binary data is refused.

output formats (--to; default: terminal on a terminal, otherwise jsonl):
  jsonl     one object per record: every key of the input, then
            "tokens", "offsets" ([start, end) of each token in characters of "text", if there is text), and
            "predictions": {HEAD: {"labels": […], "confidences": […], "spans": [{"start", "end", "label", "text",
            "text_start", "text_end", "confidence"}, …]}}: a label for each token, or labels for the record, with their
            probabilities. Spans, if the tags encode any, count in tokens (start, end) and characters (text_…).
            --n-best adds "n_best": [{"labels", "probability"}, …], most probable first;
            --entropy adds "entropy", in nats, of the distribution over all labelings.
            Heads without n-best or entropy are listed on stderr, with the reason.
  conll     for conll input: every line unchanged, with a last column on tokens for each head that labels tokens;
            for text or jsonl: token, tab, label, with a blank line after each record; without tokens, the numbers of a
            frame in place of the token
  terminal  spans on colour, tags next to their words; no colour if the terminal has none or NO_COLOR is set

--min-precision 0.9 drops spans of low confidence. For each type, it finds the lowest confidence at which 90 % of the spans on
the validation records were correct, and keeps spans that reach it. Without such a confidence it drops all spans of the type,
and says so on stderr. Tokens of dropped spans are tagged O. Given segments stay, with the label _. Both get the probability
that the dropped label is wrong as confidence.

Input is read and labelled in chunks, so it may be larger than memory, or endless.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOBase, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

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
from seqlab.errors import ConfigError

if TYPE_CHECKING:
    from seqlab.inference.outputs import OutputFormat
    from seqlab.inference.tagger import Tagger

OUTPUT_FORMATS = ("conll", "jsonl", "terminal")


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, "predict", run, summary="label a file or standard input with a trained model", description=__doc__
    )
    add_model(parser)
    parser.add_argument("file", metavar="FILE", nargs="?", default=STDIN, help="input to label; - (default): stdin")
    parser.add_argument("--to", choices=OUTPUT_FORMATS, help="output format")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="file to write (default: stdout)")
    add_input_options(parser)
    parser.add_argument("--n-best", metavar="N", type=int, default=0, help="add the N most probable labelings (jsonl)")
    parser.add_argument("--entropy", action="store_true", help="add the entropy over all labelings, in nats (jsonl)")
    parser.add_argument("--min-precision", metavar="P", type=float, help="keep only spans this precise, such as 0.9")
    add_allow(parser)


def run(options: argparse.Namespace) -> int:
    """Label the input."""
    if options.n_best < 0:
        raise ConfigError(f"--n-best is {options.n_best}; expected a positive number, or 0 for none")
    with opened(options.file) as stream:
        # After opening the input, so that a mistyped path is reported at once: importing torch takes seconds.
        from seqlab.inference.tagger import Tagger

        tagger = Tagger.load(options.model, allow=options.allow)
        chunks = read_chunks(options, tagger, stream, needed=tagger.columns)
        _report_missing(options, tagger)
        wanted = {"n_best": options.n_best, "use_entropy": options.entropy, "min_precision": options.min_precision}
        with _written(options) as out:
            output, name = _output_format(options, tagger, out), name_of(options)
            for chunk in returning_memory(chunks):
                output.write(
                    chunk, labelled(lambda records, lines: tagger.predict(records, lines=lines, **wanted), chunk, name=name)
                )
                # Flush each chunk, so that pipelines see labels as soon as they are there.
                out.flush()
    return 0


def _report_missing(options: argparse.Namespace, tagger: "Tagger") -> None:
    """List the types that --min-precision drops altogether, and the heads without n-best or entropy."""
    precision = options.min_precision
    if precision is not None and (types := ", ".join(tagger.min_precision(precision).unreachable())):
        reached = f"no confidence reached {100 * precision:g} % on the validation records"
        print(f"note: {reached}; dropping all of {types}", file=sys.stderr)
    asked = {"n_best": ("--n-best", options.n_best), "entropy": ("--entropy", options.entropy)}
    for name, head in tagger.bundle.labeler.heads.items():
        for member, (flag, is_asked) in asked.items():
            if is_asked and member in head.lacks:
                print(f"note: {flag}: head {name} has none: {head.lacks[member]}", file=sys.stderr)


@contextmanager
def _written(options: argparse.Namespace) -> Iterator[TextIOBase]:
    path: Path | None = options.output
    if path is None:
        if isinstance(sys.stdout, TextIOWrapper):
            # No newline translation: CoNLL lines are written back with the line ends they came with.
            sys.stdout.reconfigure(encoding="utf-8", newline="")
        yield cast(TextIOBase, sys.stdout)
        return
    # Opening the input for writing would empty it.
    if path.exists() and options.file != STDIN and path.samefile(options.file):
        raise ConfigError(f"--output is {path}, which is the input; write to a different file")
    try:
        stream = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        hint = "choose a file in an existing folder"
        raise ConfigError(f"--output {path} cannot be written: {error.strerror}; {hint}") from error
    with stream:
        yield stream


def _output_format(options: argparse.Namespace, tagger: "Tagger", out: TextIOBase) -> "OutputFormat":
    from rich.console import Console

    from seqlab.inference.outputs import ConllOutput, JsonlOutput
    from seqlab.inference.terminal import TerminalOutput

    asked = [name for name, is_asked in (("--n-best", options.n_best), ("--entropy", options.entropy)) if is_asked]
    # The view for terminals does not show alternatives and entropies.
    form = options.to or ("terminal" if out.isatty() and not asked else "jsonl")
    if asked and form != "jsonl":
        raise ConfigError(f"{asked[0]} needs --to jsonl, not {form}")
    if form == "jsonl":
        return JsonlOutput(out)
    if form == "conll":
        return ConllOutput(out, layers=tagger.layers)
    return TerminalOutput(Console(file=cast("TextIO", out)), layers=tagger.layers)
