"""`seqlab evaluate`: score a trained model on labelled data."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqlab.errors import ConfigError, DataError

if TYPE_CHECKING:
    from datasets import Dataset

DESCRIPTION = """Score a trained model on labelled data, read as its training data was.

  seqlab evaluate runs/X path/to/test.conll             a file (or folder) in the format of the training data
  seqlab evaluate runs/X path/to/folder --split test    the folder's file of that split, named as in training
  seqlab evaluate runs/X                                the test split that it was trained with
  seqlab evaluate runs/X other.jsonl --format jsonl     another format, with the defaults of conf/data/jsonl.yaml
                                                        (found out where the training data were no files)
  seqlab evaluate runs/X --min-precision 0.9            and what is left of each type, and how good it is, with the lowest
                                                        threshold on its confidence that has a precision of 90 % on the
                                                        validation records of the training; nothing, where none has
"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "evaluate",
        help="score a trained model on labelled data",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL", type=Path, help="run folder, or the model folder in it")
    parser.add_argument("data", metavar="DATA", nargs="?", type=Path, help="default: data.dir of the training")
    parser.add_argument(
        "--format", metavar="NAME", help="how to read DATA: an option of conf/data (conll, conllu, jsonl, csv, …)"
    )
    parser.add_argument(
        "--split", metavar="NAME", help="of a folder DATA: train, val, test (the default without DATA) or a file"
    )
    setting = "change a setting of the reader, e.g. columns.tags=3; may be repeated"
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=setting)
    only = "score as well the spans that are sure enough for this precision, by type"
    parser.add_argument("--min-precision", metavar="P", type=float, help=only)
    parser.add_argument("--json", action="store_true", help="print all scores as one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the scores."""
    from rich.console import Console

    from seqlab.cli.score_tables import print_min_precision, print_scores
    from seqlab.inference import Tagger

    tagger = Tagger.load(options.model)
    path, records = _records(options, tagger.bundle.facts.get("data", {}))
    scores = tagger.evaluate(records, min_precision=options.min_precision)
    if options.json:
        print(json.dumps(scores, ensure_ascii=False, indent=2))
    else:
        print_scores(scores, title=str(path), console=Console())
        print_min_precision(scores, title=str(path), console=Console())
    return 0


def _records(options: argparse.Namespace, trained: Mapping[str, Any]) -> "tuple[Path, Dataset]":
    from seqlab.config import build, known_targets

    name = options.format or _format_of_file(options.data, trained)
    data = _data_config(name) if name else trained
    if "reader" not in data:
        raise ConfigError(f"{options.model} does not say what data it was trained on; set --format")
    reader = _changed(data["reader"], options.set)
    path = _path(options, trained)
    return path, build(reader, targets=known_targets(("data",)), path="data.reader").read(path)


def _format_of_file(path: Path | None, trained: Mapping[str, Any]) -> str | None:
    """Return the format of a file that the training's reader, which reads no files, cannot tell; None = as in training."""
    from seqlab.data.doctor.formats import format_of

    reads_files = trained.get("dir") is not None or "reader" not in trained
    return None if reads_files or path is None or not path.exists() else format_of(path)


def _data_config(name: str) -> Mapping[str, Any]:
    from seqlab.config import compose, options_of, plain
    from seqlab.data.doctor.formats import FORMATS

    if name not in options_of("data"):
        raise ConfigError(f"--format is {name!r}; expected one of {', '.join(FORMATS)}, or a plugin's option of conf/data")
    return {"reader": plain(compose([f"data={name}"]).data.reader)}


def _changed(reader: Mapping[str, Any], settings: Sequence[str]) -> Any:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    from seqlab.config import plain

    if any(setting.startswith("_target_") for setting in settings):
        raise ConfigError(f"--set is {settings}; another reader is chosen by --format")
    try:
        return plain(OmegaConf.merge(reader, OmegaConf.from_dotlist(list(settings))))
    except (OmegaConfBaseException, YAMLError) as error:
        raise ConfigError(f"--set is {settings}: {error}; expected settings such as columns.tags=3") from error


def _path(options: argparse.Namespace, trained: Mapping[str, Any]) -> Path:
    splits: dict[str, str] = {name: file for name, file in trained.get("splits", {}).items() if file}
    folder: Path | None = options.data
    split: str | None = options.split
    if folder is None:
        return Path(trained.get("dir") or "") / splits.get(split or "test", split or "test")
    if not folder.exists() and trained.get("dir"):
        raise DataError(f"{folder}: there is no such file or folder; the model was trained on {trained['dir']}")
    if split:
        return folder / splits.get(split, split)
    inside = [name for name, file in splits.items() if (folder / file).exists()]
    if folder.is_dir() and inside:
        raise DataError(f"{folder} is the folder of all splits; choose one: --split {' or --split '.join(inside)}")
    return folder
