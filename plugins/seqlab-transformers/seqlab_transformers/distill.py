"""`seqlab distill`: records as a teacher sees them, for a student to learn from."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqlab.cli.inputs import STDIN, add_allow, add_input_options, input_format, opened
from seqlab.data.atomic_write import replacing
from seqlab.errors import ConfigError

if TYPE_CHECKING:
    import torch

DESCRIPTION = """Label FILE with a trained model, the teacher, and write what a student learns from: JSON lines with tokens,
tags and `teacher`, how probable the teacher finds each tag at each token.

  seqlab distill runs/TEACHER unlabelled.txt -o distilled/train.jsonl
  seqlab train experiment=distilled data.dir=distilled …

FILE is as `seqlab predict` takes it. JSON objects with "tags" keep them, in the teacher's scheme; all other records get the
teacher's own.
"""


def run(words: Sequence[str]) -> int:
    """Run the command line `words`, and return the exit status.

    Raises: SeqlabError for what its user has wrong.
    """
    _write(_parser().parse_args(words))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="seqlab distill", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("teacher", metavar="TEACHER", type=Path, help="run folder, or the model folder in it")
    parser.add_argument("file", metavar="FILE", help="texts or records; -: stdin")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="where the records go (.jsonl)")
    parser.add_argument("--head", metavar="NAME", help="the head that teaches (default: the one that labels tokens)")
    least = "leave out tags that are less probable at a token (default: %(default)s)"
    parser.add_argument("--least", metavar="P", type=float, default=1e-4, help=least)
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda … (default: a GPU where there is one)")
    add_input_options(parser)
    add_allow(parser)
    return parser


def _write(options: argparse.Namespace) -> None:
    from seqlab.inference import Tagger
    from seqlab.inference.lines import line_stretches
    from seqlab_transformers.teaching import Teacher

    path: Path = options.output
    if not 0 <= options.least < 0.5:
        raise ConfigError(f"--least is {options.least}; expected a probability from 0 to below 0.5")
    if options.file != STDIN and path.exists() and Path(options.file).exists() and path.samefile(options.file):
        raise ConfigError(f"--output is {path}, the input itself; write to another file")
    name = "<stdin>" if options.file == STDIN else options.file
    with opened(options.file) as stream:
        tagger = Tagger.load(options.teacher, allow=options.allow)
        teacher = Teacher(tagger, head=options.head, least=options.least, device=_device(options.device))
        source = input_format(options, tagger, needed=tagger.columns)
        source.check_columns(tagger.columns)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished, unfinished.open("w", encoding="utf-8") as out:
            n_records = 0
            for stretch in source.stretches(line_stretches(stream, name=name), name=name):
                taught = teacher.taught(stretch.records, first=n_records)
                out.writelines(f"{json.dumps(record, ensure_ascii=False)}\n" for record in taught)
                n_records += len(stretch.records)


def _device(name: str | None) -> "torch.device":
    import torch

    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(
            f"--device is {name!r}, which is not here ({reason:.100}); use cpu, or cuda where there is one"
        ) from error
    return device
