"""`seqlab evaluate`: score a trained model on labelled data."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqlab.cli.inputs import add_allow, add_command, add_model, add_set
from seqlab.errors import ConfigError, DataError

if TYPE_CHECKING:
    from datasets import Dataset

    from seqlab.data.folds import Fold
    from seqlab.data.readers import Reader
    from seqlab.inference import Tagger

DESCRIPTION = """Score a trained model on labelled data, read in the same way as its training data.

  seqlab evaluate runs/X path/to/test.conll             a file (or folder) in the format of the training data
  seqlab evaluate runs/X path/to/folder --split test    that folder's file for a split, named as in training
  seqlab evaluate runs/X                                the test split of the training data; for cross-validation, the
                                                        training records that the fold held out
  seqlab evaluate runs/X other.jsonl --format jsonl     another format, with the defaults of conf/data/jsonl.yaml; detected
                                                        if extension and content agree
  seqlab evaluate runs/X --min-precision 0.9            also score only the spans of each type above the lowest confidence
                                                        that reached a precision of 90 % on the validation records; none, if
                                                        no confidence reached it
  seqlab evaluate runs/X path --data-set NAME           for a model of several data sets: whose heads to score
"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(commands, "evaluate", summary="score a trained model on labelled data", description=DESCRIPTION)
    add_model(parser)
    parser.add_argument("data", metavar="DATA", nargs="?", type=Path, help="file or folder (default: data.dir of the training)")
    form = "format of DATA: an option of conf/data (conll, conllu, jsonl, csv, …)"
    parser.add_argument("--format", metavar="NAME", help=form)
    split = "train, val, test (default without DATA) or the name of a file in the folder DATA"
    parser.add_argument("--split", metavar="NAME", help=split)
    data_set = "for a model of several data sets: the one to score (default without DATA: each)"
    parser.add_argument("--data-set", metavar="NAME", help=data_set)
    add_set(parser)
    only = "also score only spans confident enough for this precision, by type"
    parser.add_argument("--min-precision", metavar="P", type=float, help=only)
    parser.add_argument("--json", action="store_true", help="print all scores as one JSON object")
    add_allow(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the scores."""
    from rich.console import Console

    from seqlab.cli.score_tables import print_min_precision, print_scores
    from seqlab.inference import Tagger

    tagger = Tagger.load(options.model, allow=options.allow)
    facts = tagger.bundle.facts
    trained = facts.get("data", {})
    if options.data_set is not None and "sets" not in trained:
        raise ConfigError(f"--data-set is {options.data_set!r}, but the model was trained on a single, unnamed data set")
    if "sets" in trained:
        scored = list(_scores_by_set(options, tagger, trained["sets"]))
    else:
        source, records = _records(options, trained, facts, path="data")
        with _named(source):
            scored = [(source, tagger.evaluate(records, min_precision=options.min_precision))]
    if options.json:
        print(json.dumps({name: value for _, scores in scored for name, value in scores.items()}, ensure_ascii=False, indent=2))
    else:
        for title, scores in scored:
            _report_unknown(scores, tagger)
            print_scores(scores, title=title, console=Console(), heads=tagger.heads)
            print_min_precision(scores, title=title, console=Console(), heads=tagger.heads)
    return 0


def _report_unknown(scores: Mapping[str, Any], tagger: "Tagger") -> None:
    """List the span types in the data that the model cannot predict."""
    from seqlab.cli.score_tables import by_head

    for scored_as, own in by_head(scores, tagger.heads).items():
        name = scored_as.partition("@")[0] or tagger.heads[0]
        labels = tagger.layers[name].labels
        unknown = [label for label, s in own.get("per_type", {}).items() if s["support"] and label not in labels]
        if unknown and labels:
            cannot = f"note: head {name} cannot predict {', '.join(unknown)}, which the data contain"
            print(f"{cannot}; its labels are {', '.join(labels)}", file=sys.stderr)


@contextmanager
def _named(source: str) -> Iterator[None]:
    """Prefix data errors with the source of the records."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{source}: {error}") from error


def _scores_by_set(
    options: argparse.Namespace, tagger: "Tagger", sets: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the source and scores of each chosen data set, with the score names of training."""
    from seqlab.data.multitask.data_sets import renamed, score_names, set_path

    facts = tagger.bundle.facts
    names = score_names({name: data["heads"] for name, data in sets.items()})
    for data_set in _chosen(options, sets, facts):
        path = set_path(data_set)
        source, records = _records(options, sets[data_set], facts, path=path)
        records = renamed(records, sets[data_set].get("columns") or {}, path=path)
        with _named(source):
            scores = tagger.evaluate(records, heads=sets[data_set]["heads"], min_precision=options.min_precision)
        is_alone = len(tagger.heads) == 1
        by_head = {tagger.heads[0]: scores} if is_alone else scores
        named = {names[data_set][head]: found for head, found in by_head.items()}
        yield source, scores if is_alone and len(sets) == 1 else named


def _chosen(options: argparse.Namespace, sets: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """Return the data sets to score: the chosen one, or every one that has the split."""
    if options.data_set is not None:
        if options.data_set not in sets:
            raise ConfigError(f"--data-set is {options.data_set!r}; the model was trained on {', '.join(sets)}")
        return [options.data_set]
    if options.data is not None and len(sets) > 1:
        choices = " or ".join(f"--data-set {name}" for name in sets)
        raise ConfigError(
            f"the model was trained on several data sets; choose whose heads to score on {options.data}: {choices}"
        )
    has_all = options.data is not None or _fold(options, facts) is not None
    having = [name for name, data in sets.items() if has_all or data["splits"].get(options.split or "test")]
    if not having:
        raise ConfigError(f"no data set has a split {options.split or 'test'}; pass DATA and --data-set NAME")
    return having


def _fold(options: argparse.Namespace, facts: Mapping[str, Any]) -> "Fold | None":
    """Return the training fold whose records are scored; None if they come from a file."""
    from seqlab.data.folds import Fold

    # Folds divide the training records, so files and other splits are scored as a whole.
    is_of_fold = options.data is None and options.split in (None, "train", "test")
    return Fold.from_settings(facts.get("fold")) if is_of_fold else None


def _records(
    options: argparse.Namespace, trained: Mapping[str, Any], facts: Mapping[str, Any], *, path: str
) -> "tuple[str, Dataset]":
    """Return the source of the records to score, and the records; `path` is the config path of their data set."""
    from seqlab.config.build import build, known_targets
    from seqlab.config.user_classes import allowed

    name = options.format or _format_of_file(options.data, trained)
    data = _data_config(name) if name else trained
    if "reader" not in data:
        raise ConfigError(f"{options.model} does not record its training data; set --format")
    reader = _changed(_as_trained(data["reader"], trained.get("reader", {})), options.set)
    targets = known_targets(("data",)) | allowed(options.allow)
    reads: Reader = build(reader, targets=targets, path="data.reader")
    fold, split = _fold(options, facts), options.split or "test"
    if fold is None:
        file = _path(options, trained)
        return str(file), reads.read(file)
    file = _file_of_training("train", trained)
    records = fold.split(reads.read(file), seed=facts["seed"], path=path)[split]
    return f"{file} ({split} records of fold {fold.index} of {fold.of})", records


def _format_of_file(path: Path | None, trained: Mapping[str, Any]) -> str | None:
    """Return the format of a file that the training's reader cannot read; None if it can.

    A file counts as another format if its extension and content agree on it, and the training files had other extensions.
    Without a training reader for files, its detected format is used.
    """
    from seqlab.data.doctor.formats import format_by_suffix, format_of, format_read_by

    if path is None or not path.exists() or "reader" not in trained:
        return None
    if path.is_file() and path.suffix.lower() in {Path(file).suffix.lower() for file in _splits(trained).values()}:
        return None
    if trained.get("dir") is None:
        return format_of(path)
    known, said = format_read_by(trained["reader"]), format_by_suffix(path)
    is_other = said is not None and said != known and (known is not None or said == "jsonl")
    return said if is_other and format_of(path) == said else None


def _as_trained(reader: Mapping[str, Any], trained: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a reader's config with the tag conversion and columns of the training."""
    if reader is trained:
        return reader
    made = dict(reader)
    if trained.get("target_scheme") and "target_scheme" in reader:
        made |= {name: trained[name] for name in ("scheme", "target_scheme")}
    # The columns of such a reader are the keys of its records, so any names are possible.
    if "span_scheme" in reader and isinstance(trained.get("columns"), Mapping):
        made["columns"] = {name: name for name in trained["columns"]} | dict(reader["columns"])
    return made


def _data_config(name: str) -> Mapping[str, Any]:
    from seqlab.config.compose import compose, options_of, plain
    from seqlab.data.doctor.formats import FORMATS

    if name not in options_of("data"):
        raise ConfigError(f"--format is {name!r}; expected one of {', '.join(FORMATS)}, or a plugin's option of conf/data")
    data = compose([f"data={name}"]).data
    if "reader" not in data:
        raise ConfigError(f"--format is {name!r}, which is not a file format; expected one of {', '.join(FORMATS)}")
    return {"reader": plain(data.reader)}


def _changed(reader: Mapping[str, Any], settings: Sequence[str]) -> Any:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    from seqlab.config.compose import plain

    if any(setting.startswith("_target_") for setting in settings):
        raise ConfigError(f"--set is {settings}; use --format to choose another reader")
    try:
        return plain(OmegaConf.merge(reader, OmegaConf.from_dotlist(list(settings))))
    except (OmegaConfBaseException, YAMLError) as error:
        raise ConfigError(f"--set is {settings}: {error}; expected settings such as columns.tags=3") from error


def _path(options: argparse.Namespace, trained: Mapping[str, Any]) -> Path:
    splits = _splits(trained)
    folder: Path | None = options.data
    split: str | None = options.split
    if folder is None:
        return _file_of_training(split or "test", trained)
    if not folder.exists() and trained.get("dir"):
        raise DataError(f"{folder} does not exist; the model was trained on {trained['dir']}")
    if split:
        return folder / splits.get(split, split)
    inside = [name for name, file in splits.items() if (folder / file).exists()]
    if folder.is_dir() and inside:
        raise DataError(f"{folder} holds several splits; choose one: --split {' or --split '.join(inside)}")
    return folder


def _file_of_training(split: str, trained: Mapping[str, Any]) -> Path:
    return Path(trained.get("dir") or "") / _splits(trained).get(split, split)


def _splits(trained: Mapping[str, Any]) -> dict[str, str]:
    return {name: file for name, file in trained.get("splits", {}).items() if file}
