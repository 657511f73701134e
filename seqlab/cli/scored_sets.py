"""The data sets that `seqlab evaluate` scores: found as the training recorded them, or in a file of any format."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # OmegaConf does not wrap the errors of its parser

from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, options_of, plain
from seqlab.config.user_classes import allowed
from seqlab.data.doctor.formats import parse_settings
from seqlab.data.folds import Fold
from seqlab.data.formats import FORMATS, format_by_content, format_by_suffix, format_of, format_of_reader, is_read_as
from seqlab.data.multitask.data_sets import UNNAMED, renamed, score_names, set_path
from seqlab.data.readers import Reader
from seqlab.errors import ConfigError, DataError
from seqlab.inference import Tagger


def scored_sets(options: argparse.Namespace, tagger: Tagger) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the source and scores of each data set that the options of `seqlab evaluate` choose, with names as in training."""
    facts = tagger.bundle.facts
    data = facts.get("data", {})
    # A model of one data set has its facts at the top, without a name.
    sets: dict[str, Any] = data.get("sets", {UNNAMED: data})
    names = score_names({name: trained.get("heads", tagger.heads) for name, trained in sets.items()})
    for data_set in [UNNAMED] if UNNAMED in sets and options.data_set is None else _chosen(options, sets, facts):
        trained, path = sets[data_set], set_path(data_set)
        source, records = _records(options, trained, facts, path=path)
        records = renamed(records, trained.get("columns") or {}, path=path)
        try:
            scores = tagger.evaluate(records, heads=trained.get("heads"), min_precision=options.min_precision)
        except DataError as error:
            raise DataError(f"{source}: {error}") from error
        by_head = {tagger.heads[0]: scores} if len(tagger.heads) == 1 else scores
        yield source, scores if len(sets) == 1 else {names[data_set][head]: found for head, found in by_head.items()}


def _chosen(options: argparse.Namespace, sets: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """Return the named data sets to score: the chosen one, or every one that has the split."""
    if options.data_set is not None:
        if options.data_set not in sets or not options.data_set:
            known = ", ".join(sets) or "a single, unnamed data set"
            raise ConfigError(f"--data-set is {options.data_set!r}; the model was trained on {known}")
        return [options.data_set]
    if options.data is not None and len(sets) > 1:
        choices = " or ".join(f"--data-set {name}" for name in sets)
        several = "the model was trained on several data sets"
        raise ConfigError(f"{several}; choose whose heads to score on {options.data}: {choices}")
    has_all = options.data is not None or _fold(options, facts) is not None
    having = [name for name, data in sets.items() if has_all or data["splits"].get(options.split or "test")]
    if not having:
        raise ConfigError(f"no data set has a split {options.split or 'test'}; pass DATA and --data-set NAME")
    return having


def _fold(options: argparse.Namespace, facts: Mapping[str, Any]) -> Fold | None:
    """Return the training fold whose records are scored; None if they come from a file."""
    # Folds divide the training records, so files and other splits are scored as a whole.
    is_of_fold = options.data is None and options.split in (None, "train", "test")
    return Fold.from_settings(facts.get("fold")) if is_of_fold else None


def _records(
    options: argparse.Namespace, trained: Mapping[str, Any], facts: Mapping[str, Any], *, path: str
) -> tuple[str, Dataset]:
    """Return the source of the records to score, and the records; `path` is the config path of their data set."""
    name, reader = options.format or _format_of_file(options.data, trained), trained.get("reader")
    if name:
        reader = _as_trained(_reader_of_format(name), reader or {})
    if reader is None:
        raise ConfigError(f"{options.model} does not record its training data; set --format")
    targets = known_targets(("data",)) | allowed(options.allow)
    reads: Reader = build(_changed(reader, options.set), targets=targets, path="data.reader")
    fold, split = _fold(options, facts), options.split or "test"
    if fold is None:
        file = _path(options, trained)
        return str(file), reads.read(file)
    file = _file_of_training("train", trained)
    records = fold.split(reads.read(file), seed=facts["seed"], path=path)[split]
    return f"{file} ({split} records of fold {fold.index} of {fold.of})", records


def _format_of_file(path: Path | None, trained: Mapping[str, Any]) -> str | None:
    """Return the format of a file that the training's reader cannot read; None if it can.

    A file counts as another format if its extension (if that names a format) and its content agree on it, and the training
    files had other extensions.
    Without a training reader for files, its detected format is used.
    """
    if path is None or not path.exists() or "reader" not in trained:
        return None
    if path.is_file() and path.suffix.lower() in {Path(file).suffix.lower() for file in _splits(trained).values()}:
        return None
    if trained.get("dir") is None:
        return format_of(path)
    known, said = format_of_reader(trained["reader"]), format_by_suffix(path)
    if said is None and path.is_file():
        said = format_by_content(path)
    is_other = said is not None and not is_read_as(said, format_name=known) and (known is not None or said == "jsonl")
    return said if is_other and format_of(path) == said else None


def _reader_of_format(name: str) -> Mapping[str, Any]:
    """Return the config of the reader in an option of conf/data."""
    if name not in options_of("data"):
        raise ConfigError(f"--format is {name!r}; expected one of {', '.join(FORMATS)}, or a plugin's option of conf/data")
    data = compose([f"data={name}"]).data
    if "reader" not in data:
        raise ConfigError(f"--format is {name!r}, which is not a file format; expected one of {', '.join(FORMATS)}")
    reader: Mapping[str, Any] = plain(data.reader)
    return reader


def _as_trained(reader: Mapping[str, Any], trained: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a reader's config with the tag conversion and columns of the training."""
    made = dict(reader)
    if trained.get("target_scheme") and "target_scheme" in reader:
        made |= {name: trained[name] for name in ("scheme", "target_scheme")}
    # The columns of such a reader are the keys of its records, so any names are possible.
    if "span_scheme" in reader and isinstance(trained.get("columns"), Mapping):
        made["columns"] = {name: name for name in trained["columns"]} | dict(reader["columns"])
    return made


def _changed(reader: Mapping[str, Any], settings: Sequence[str]) -> Any:
    # Another class could read anything; --format offers only known ones.
    if any(setting.startswith("_target_") for setting in settings):
        raise ConfigError(f"--set is {settings}; use --format to choose another reader")
    try:
        return plain(OmegaConf.merge(reader, parse_settings(settings)))
    except (OmegaConfBaseException, YAMLError, HydraException) as error:
        raise ConfigError(f"--set is {settings}: {error}; expected settings such as columns.tags=3") from error


def _path(options: argparse.Namespace, trained: Mapping[str, Any]) -> Path:
    splits = _splits(trained)
    split: str | None = options.split
    if options.data is None:
        return _file_of_training(split or "test", trained)
    folder = Path(options.data)
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
