"""`seqlab distill`: records as a teacher sees them, for a student to learn from."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqlab.errors import ConfigError, DataError

if TYPE_CHECKING:
    import torch

DESCRIPTION = """Label FILE with a trained model, the teacher, and write what a student learns from: JSON lines with tokens,
tags and `teacher`, how probable the teacher finds each tag at each token.

  seqlab distill runs/TEACHER unlabelled.txt -o distilled/train.jsonl
  seqlab train experiment=distilled data.dir=distilled …

FILE is a text a line or, with the ending .jsonl, an object a line with "text" or "tokens". Records with "tags" keep
them, in the teacher's scheme; the others get the teacher's own.
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
    parser.add_argument("file", metavar="FILE", type=Path, help="texts or records")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="where the records go (.jsonl)")
    parser.add_argument("--head", metavar="NAME", help="the head that teaches (default: the one that labels tokens)")
    least = "leave out tags that are less probable at a token (default: %(default)s)"
    parser.add_argument("--least", metavar="P", type=float, default=1e-4, help=least)
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda … (default: a GPU where there is one)")
    return parser


def _write(options: argparse.Namespace) -> None:
    from seqlab.inference import Tagger
    from seqlab_transformers.teaching import Teacher

    if not 0 <= options.least < 0.5:
        raise ConfigError(f"--least is {options.least}; expected a probability from 0 to below 0.5")
    if options.output.exists() and options.file.exists() and options.output.samefile(options.file):
        raise ConfigError(f"--output is {options.output}, the input itself; write to another file")
    teacher = Teacher(Tagger.load(options.teacher), head=options.head, least=options.least, device=_device(options.device))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with options.output.open("w", encoding="utf-8") as out:
        for records in _stretches(options.file, needed=teacher.tagger.columns):
            out.writelines(f"{json.dumps(record, ensure_ascii=False)}\n" for record in teacher.taught(records))


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


def _stretches(path: Path, *, needed: Sequence[str]) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Return the records of a file, some thousand at a time."""
    from seqlab.inference.inputs import JsonlFormat, TextFormat
    from seqlab.inference.lines import line_stretches

    source = JsonlFormat(needed=needed) if path.suffix.lower() in (".jsonl", ".ndjson") else TextFormat()
    source.check_columns(needed)
    try:
        stream = path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; give a file of texts or of JSON lines") from error
    with stream:
        for stretch in source.stretches(line_stretches(stream, name=str(path)), name=str(path)):
            yield stretch.records
