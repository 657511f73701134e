"""Preparing a run: read data, settle `auto` settings, fit fields, build the model."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import pytorch_lightning as pl
import torch
from datasets import Dataset
from omegaconf import DictConfig, OmegaConf, open_dict

from seqlab.config.build import known_targets
from seqlab.config.compose import MODEL_KEYS, plain
from seqlab.config.settings import check_settings
from seqlab.data.batch import EncodedRecords
from seqlab.data.columns import Columns
from seqlab.data.fields.registry import Fields
from seqlab.data.folds import Fold
from seqlab.data.multitask.data_sets import UNNAMED, read_sets, score_names, set_configs, set_path
from seqlab.data.multitask.head_assignment import Claims, claims_of
from seqlab.data.multitask.joined import Split
from seqlab.data.pairs import SECOND
from seqlab.data.schemes import get_scheme
from seqlab.data.splits import split_sources
from seqlab.errors import ConfigError, DataError, did_you_mean
from seqlab.heads import Head
from seqlab.metrics.flat_scores import flat_scores
from seqlab.model.bundle import Bundle, load_bundle
from seqlab.model.labeler import Labeler, build_labeler
from seqlab.model.transfer import transfer
from seqlab.runs.find_model import find_bundle
from seqlab.training.module import MEAN_SCORE
from seqlab.training.schemes import check_scheme, detected_scheme

log = logging.getLogger(__name__)
AUTO = "auto"
TAGS = "tags"
PARTIAL = "seqlab.data.fields.PartialTagField"


@final
@dataclass(frozen=True)
class Start:
    """An untrained labeler, its fitted fields, and the records of every data set by split."""

    labeler: Labeler
    fields: Fields
    claims: Claims
    sets: Mapping[str, Mapping[str, Dataset]]
    sources: Mapping[str, Mapping[str, str]]
    """Data set -> split -> the split with its file, for messages."""

    def encoded(self) -> dict[str, Split]:
        """Return the encoded records by split.

        Raises: DataError if training records lack the column that a head learns from.
        """
        splits = self.claims.encode(self.fields, self.sets, sources=self.sources)
        for data_set, part in splits["train"].parts.items():
            records = "the training records" + (f" of {set_path(data_set)}" if data_set else "")
            for name in self.claims.heads[data_set]:
                _check_targets(name, self.labeler.heads[name], part, records=records)
        return splits

    def check_records(self, splits: Mapping[str, Split], *, is_trained: bool) -> None:
        """Let each head warn of encoded records that it cannot label correctly, whatever it learns.

        Raises: DataError if the model `is_trained` and a head can learn nothing from one of its data sets.
        """
        if not self.labeler.encoder.keeps_steps:  # the number of outputs is only known in a batch
            return
        for split, of_split in splits.items():
            for data_set, part in of_split.parts.items():
                for name in self.claims.heads[data_set]:
                    head = self.labeler.heads[name]
                    if head.target.key in part.encoded:
                        said = f"{split} of {set_path(data_set)}" if data_set else split
                        head.check_records(part, split=said, is_taught=is_trained and split == "train")


def _check_targets(name: str, head: Head, part: EncodedRecords, *, records: str) -> None:
    """Raise DataError for training records that a head cannot learn from."""
    has = ", ".join(part.columns.records.column_names)
    if head.target.key not in part.encoded:
        raise DataError(f"heads.{name} learns column {head.target.column!r}, but {records} have {has}")
    if head.is_of_pairs and part.second is None:
        second = f"give the second in columns such as tokens{SECOND}"
        raise DataError(f"heads.{name} labels pairs, but {records} have one side; {second}; they have {has}")


def prepare(config: DictConfig, *, targets: frozenset[str]) -> Start:
    """Return the start of a run; writes into `config` the settings that depend on the training data."""
    settings: dict[str, Any] = plain(config)
    check_settings(settings)
    if settings["n_threads"]:
        torch.set_num_threads(settings["n_threads"])
    # Before anything draws random numbers: splits are held out, and weights initialised, below.
    pl.seed_everything(settings["seed"], workers=True, verbose=False)
    fold = Fold.from_settings(settings["fold"])
    sets = read_sets(settings["data"], targets=targets, seed=settings["seed"], fold=fold)
    sources = {name: split_sources(node, path=set_path(name)) for name, node in set_configs(settings["data"]).items()}
    settle_schemes(config, sets, sources)
    # Again, as the schemes have been settled.
    settings = plain(config)
    fields = Fields.from_config({key: settings[key] for key in MODEL_KEYS}, targets=targets)
    claims = claims_of(settings["heads"], set_configs(settings["data"]), sets, targets=targets)
    claims.fit(fields, sets)
    # OmegaConf refuses new keys in a struct config.
    with open_dict(config):
        for name in set(claims.heads) - {UNNAMED}:
            config.data.sets[name].heads = list(claims.heads[name])
    source = _source(settings, targets=targets)
    if source is not None:
        fields.grow(source.fields)
    labeler = build_labeler(settings, fields=fields, targets=targets)
    if source is not None:
        log.info("init_from=%s: %s", settings["init_from"], transfer(labeler, source.labeler).report())
    for name, head in labeler.heads.items():
        head.use_data(plain(config.data), name=name)
    return Start(labeler, fields, claims, sets, sources)


def _source(settings: Mapping[str, Any], *, targets: frozenset[str]) -> Bundle | None:
    """Return the model that `init_from` names, if it does."""
    if settings["init_from"] is None:
        return None
    own = sorted(targets - known_targets())
    return load_bundle(find_bundle(Path(settings["init_from"]).expanduser()), allow=own)


def settle_schemes(
    config: DictConfig, sets: Mapping[str, Mapping[str, Dataset]], sources: Mapping[str, Mapping[str, str]] | None = None
) -> None:
    """Replace `scheme=auto` of every data set by the scheme of its tags; for several data sets, by their common one, else null.

    `sources` describe the splits of each data set, for messages.

    Raises: ConfigError if a head reads tags that fit several schemes, break them all, or are annotated in part, and if the tags
    fit another scheme than the given one; the user must then choose.
    """
    read = {OmegaConf.select(head, "target.column") for head in config.heads.values()}
    is_partial = any(OmegaConf.select(head, "target._target_") == PARTIAL for head in config.heads.values())
    for name, node in set_configs(config.data).items():
        column = next((new for new, old in (node.get("columns") or {}).items() if old == TAGS), TAGS)
        is_read = column in read and column in sets[name]["train"].column_names
        columns = Columns(sets[name]["train"], source=(sources or {}).get(name, {}).get("train", "train"))
        if node.scheme == AUTO:
            node.scheme = detected_scheme(columns, column, path=set_path(name), is_partial=is_partial) if is_read else None
        elif node.scheme and is_read and not is_partial and OmegaConf.select(node, "reader.repair") is False:
            check_scheme(columns, column, get_scheme(node.scheme), path=set_path(name))
    if config.data.scheme == AUTO:
        schemes = {node.scheme for node in set_configs(config.data).values() if node.scheme}
        config.data.scheme = next(iter(schemes)) if len(schemes) == 1 else None


def settle_monitor(config: DictConfig, labeler: Labeler, claims: Claims) -> None:
    """Replace `monitor=auto` by the main metric of the first head on `val`; with several data sets, by the mean over all.

    Raises: ConfigError for a metric that no head has, before any training.
    """
    named = {name: head for own in score_names(claims.heads).values() for head, name in own.items()}
    if config.monitor == AUTO:
        name, head = next(iter(named.items()))
        level = f"{name}/" if len(named) > 1 else ""
        main = f"val/{level}{labeler.heads[head].main_metric}"
        config.monitor = main if len(claims.heads) == 1 else MEAN_SCORE
    # A wrong name would otherwise show after the first epoch, when the checkpoint callback looks for it.
    check_metric(config.monitor, metric_names(labeler, named), said="monitor")


def metric_names(labeler: Labeler, named: Mapping[str, str]) -> list[str]:
    """Return the metrics that a run logs on `val`, and both losses; `named` are the heads by the name of their scores."""
    level = "{}/" if len(named) > 1 else ""
    names = [
        f"val/{level.format(name)}{metric}"
        for name, head in named.items()
        # Scoring no records gives all names of a head's metrics, without a list of them to keep up to date.
        for metric in flat_scores(labeler.heads[head].score([], []))
    ]
    return ["val/loss", "train/loss", *names, *([MEAN_SCORE] if len(named) > 1 else [])]


def check_metric(name: str, known: Sequence[str], *, said: str) -> None:
    """Raise ConfigError unless the metric is among those `known`; `said` is the setting that names it."""
    if name not in known:
        raise ConfigError(f"{said} is {name!r}, which nothing logs{did_you_mean(name, known)}; there are {', '.join(known)}")
