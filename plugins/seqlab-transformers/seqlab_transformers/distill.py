"""The `seqlab distill` command: label records with a teacher, so that a student can be trained on them."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqlab.cli.inputs import STDIN, add_allow, add_input_options, opened, read_chunks
from seqlab.data.atomic_write import replacing
from seqlab.errors import ConfigError

if TYPE_CHECKING:
    import torch

DESCRIPTION = """Label FILE with a trained model (the teacher) and write training data for a smaller one (the student): JSON
lines with tokens, tags and `teacher`, the teacher's probability of each tag at each token.

  seqlab distill runs/TEACHER unlabelled.txt -o distilled/train.jsonl
  seqlab train experiment=distilled data.dir=distilled …

FILE has any format that `seqlab predict` reads. JSON records with "tags", in the scheme of the teacher's data, keep them; all
others get the teacher's tags.
"""


def run(words: Sequence[str]) -> int:
    """Run the command line `words` and return the exit status.

    Raises: SeqlabError for a mistake of the user.
    """
    _write(_parser().parse_args(words))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="seqlab distill", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("teacher", metavar="TEACHER", type=Path, help="run folder, or the model folder in it")
    parser.add_argument("file", metavar="FILE", help="texts or records to label; - reads standard input")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="JSON-lines file to write")
    parser.add_argument("--head", metavar="NAME", help="head to distil (default: the only one that tags tokens)")
    least = "omit tags with a lower probability (default: %(default)s)"
    parser.add_argument("--least", metavar="P", type=float, default=1e-4, help=least)
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda, … (default: a GPU if there is one)")
    add_input_options(parser)
    add_allow(parser)
    return parser


def _write(options: argparse.Namespace) -> None:
    from seqlab.inference import Tagger
    from seqlab_transformers.teaching import Teacher

    path: Path = options.output
    if not 0 <= options.least < 0.5:
        raise ConfigError(f"--least is {options.least}; expected a probability of at least 0 and less than 0.5")
    if options.file != STDIN and path.exists() and Path(options.file).exists() and path.samefile(options.file):
        raise ConfigError(f"--output is {path}, the input file; choose another file")
    with opened(options.file) as stream:
        tagger = Tagger.load(options.teacher, allow=options.allow)
        teacher = Teacher(tagger, head=options.head, least=options.least, device=_device(options.device))
        chunks = read_chunks(options, tagger, stream, needed=tagger.columns)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished, unfinished.open("w", encoding="utf-8") as out:
            n_records = 0
            for chunk in chunks:
                taught = teacher.taught(chunk.records, first=n_records)
                out.writelines(f"{json.dumps(record, ensure_ascii=False)}\n" for record in taught)
                n_records += len(chunk.records)


def _device(name: str | None) -> "torch.device":
    import torch

    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.zeros(1, device=device)  # a device may exist for torch but not on this machine
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # which one depends on the kind of device
        reason = str(error).partition("\n")[0]
        raise ConfigError(
            f"--device is {name!r}, which is not available ({reason:.100}); use cpu, or cuda on a machine with a GPU"
        ) from error
    return device
