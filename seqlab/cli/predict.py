"""`seqlab predict`: label a file or a stream."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import TextIOBase, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from seqlab.cli.inputs import STDIN, add_allow, add_input_options, input_format, opened
from seqlab.errors import ConfigError

if TYPE_CHECKING:
    from seqlab.inference.outputs import OutputFormat
    from seqlab.inference.tagger import Tagger

OUTPUT_FORMATS = ("conll", "jsonl", "terminal")
DESCRIPTION = """Label FILE, or standard input, with a trained model.

  seqlab predict runs/X notes.txt                       labelled text, in colour on a terminal
  seqlab predict runs/X test.conll --format conll       the same lines with the label as last column
  cat texts.jsonl | seqlab predict runs/X --input-format jsonl > labelled.jsonl

input formats (by default by the file's ending: .jsonl .ndjson, .conll .iob .bio .tsv, .conllu; text for all others):
  text      one record a line; an empty line is an empty record
  conll     one token a line, columns apart by tabs or spaces, a blank line after each sequence
  conllu    the ten columns of Universal Dependencies; ranges (8-9) and empty nodes (8.1) get the label _
  jsonl     one object a line with "text" or "tokens" (a list), and other columns if the model reads such

output formats (by default terminal on a terminal, else jsonl):
  jsonl     one object a record: every key of the input, then
            "tokens", "offsets" ([start, end) of each token in characters of "text", where there is text), and
            "predictions": {HEAD: {"labels": […], "confidences": […], "spans": [{"start", "end", "label", "text",
            "text_start", "text_end", "confidence"}, …]}}: one label a token or some for the record, with their
            probabilities; spans, where the tags spell such, count tokens (start, end) and characters (text_…);
            with --n-best: "n_best": [{"labels", "probability"}, …], where the head ranks answers, the answer given first;
            with --entropy: "entropy", of the distribution over all answers in nats, where the head knows it;
            a head that gives one of the two not is named on standard error, with the reason
  conll     conll in: every line as it was, tokens with a last column for each head that labels tokens;
            text or jsonl in: token, tab, label; a blank line after each record
  terminal  spans on colour, tags beside their words; without colour where the terminal has none or NO_COLOR is set

With --min-precision 0.9, spans are left out that are not sure enough: of each type those are kept that are at least as sure as
the spans of the validation records had to be for 90 % of them to be right. Where that was never so, none of the type is kept,
and a note on standard error says so. Steps of spans left out are tagged O, and segments that the input gives keep their place
with the label _, both with the probability that the label left out is not right.

Input is read and labelled piece by piece, so it may be larger than memory, or never end.
"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "predict",
        help="label a file or standard input with a trained model",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL", type=Path, help="run folder, or the model folder in it")
    parser.add_argument("file", metavar="FILE", nargs="?", default=STDIN, help="what to label; - (the default): stdin")
    parser.add_argument("--format", choices=OUTPUT_FORMATS, help="format of the output")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="write here instead of standard output")
    add_input_options(parser)
    parser.add_argument("--n-best", metavar="N", type=int, default=0, help="the N likeliest answers as well (jsonl)")
    parser.add_argument("--entropy", action="store_true", help="how open each head's answer is, in nats (jsonl)")
    only = "leave out spans that are not sure enough for this precision, such as 0.9"
    parser.add_argument("--min-precision", metavar="P", type=float, help=only)
    add_allow(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Label the input."""
    if options.n_best < 0:
        raise ConfigError(f"--n-best is {options.n_best}; expected at least 1, or 0 for none")
    name = "<stdin>" if options.file == STDIN else options.file
    with opened(options.file) as stream:
        from seqlab.inference.lines import line_stretches
        from seqlab.inference.tagger import Tagger

        tagger = Tagger.load(options.model, allow=options.allow)
        source = input_format(options, tagger, needed=tagger.columns)
        source.check_columns(tagger.columns)
        _tell_unreachable(options, tagger)
        _tell_unknown(options, tagger)
        with _written(options) as out:
            output = _output_format(options, tagger, out)
            for stretch in source.stretches(line_stretches(stream, name=name), name=name):
                tagged = tagger.predict(
                    stretch.records,
                    n_best=options.n_best,
                    use_entropy=options.entropy,
                    min_precision=options.min_precision,
                    lines=stretch.numbers,
                )
                output.write(stretch, tagged)
                out.flush()
    return 0


def _tell_unreachable(options: argparse.Namespace, tagger: "Tagger") -> None:
    if options.min_precision is None:
        return
    types = list(tagger.min_precision(options.min_precision).unreachable())
    if types:
        wanted = f"{100 * options.min_precision:g} %"
        print(
            f"note: on the validation records no confidence gave {wanted}: none is kept of {', '.join(types)}", file=sys.stderr
        )


def _tell_unknown(options: argparse.Namespace, tagger: "Tagger") -> None:
    """Say which heads cannot give what is asked for beside their labels, and why."""
    for name, head in tagger.bundle.labeler.heads.items():
        if options.n_best and "n_best" in head.lacks:
            print(f"note: --n-best: head {name} gives no ranked answers: {head.lacks['n_best']}", file=sys.stderr)
        if options.entropy and "entropy" in head.lacks:
            print(f"note: --entropy: head {name} gives none: {head.lacks['entropy']}", file=sys.stderr)


@contextmanager
def _written(options: argparse.Namespace) -> Iterator[TextIOBase]:
    path: Path | None = options.output
    if path is None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", newline="")
        yield cast(TextIOBase, sys.stdout)
        return
    if path.exists() and options.file != STDIN and path.samefile(options.file):
        raise ConfigError(f"--output is {path}, the input itself; write to another file")
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
        except OSError as error:
            what = f"--output {path} cannot be written: {error.strerror}; give a file in a folder that exists"
            raise ConfigError(what) from error
        yield stream


def _output_format(options: argparse.Namespace, tagger: "Tagger", out: TextIOBase) -> "OutputFormat":
    from rich.console import Console

    from seqlab.inference.outputs import ConllOutput, JsonlOutput
    from seqlab.inference.terminal import TerminalOutput

    asked = [name for name, is_asked in (("--n-best", options.n_best), ("--entropy", options.entropy)) if is_asked]
    form = options.format or ("terminal" if out.isatty() and not asked else "jsonl")
    if asked and form != "jsonl":
        raise ConfigError(f"{asked[0]} goes with --format jsonl, not {form}")
    if form == "jsonl":
        return JsonlOutput(out)
    if form == "conll":
        return ConllOutput(out, layers=tagger.layers)
    return TerminalOutput(Console(file=cast("TextIO", out)), layers=tagger.layers)
