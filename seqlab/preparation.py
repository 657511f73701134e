"""What training starts from: data read, settings left to the data settled, fields fitted, the model built."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import pytorch_lightning as pl
import torch
from datasets import Dataset
from omegaconf import DictConfig

from seqlab.automatic import settle_claims, settle_schemes
from seqlab.config import plain
from seqlab.data.claims import Claims, claims_of
from seqlab.data.encoding import EncodedRecords
from seqlab.data.fields.registry import Fields
from seqlab.data.folds import Fold
from seqlab.data.joining import Split
from seqlab.data.sets import read_sets, set_configs, set_path
from seqlab.data.sides import SECOND
from seqlab.errors import DataError
from seqlab.heads import Head
from seqlab.labeler import MODEL_KEYS, Labeler, build_labeler
from seqlab.settings import check_settings


@final
@dataclass(frozen=True)
class Start:
    """A labeler that has learned nothing yet, its fitted fields, and the records of every data set by split."""

    labeler: Labeler
    fields: Fields
    claims: Claims
    sets: Mapping[str, Mapping[str, Dataset]]

    def encoded(self) -> dict[str, Split]:
        """Return the encoded records by split.

        Raises: DataError where training records lack the column of a head that they are to teach.
        """
        splits = self.claims.encode(self.fields, self.sets)
        for data_set, part in splits["train"].parts.items():
            records = "the training records" + (f" of {set_path(data_set)}" if data_set else "")
            for name in self.claims.heads[data_set]:
                _check_taught(name, self.labeler.heads[name], part, records=records)
        return splits

    def check_records(self, splits: Mapping[str, Split], *, is_trained: bool) -> None:
        """Let each head tell which encoded records it cannot label right, whatever it learns.

        Raises: DataError where the model `is_trained` and a head can learn nothing from a data set that is to teach it.
        """
        if not self.labeler.encoder.keeps_steps:  # how many there are, only a batch tells
            return
        for split, of_split in splits.items():
            for data_set, part in of_split.parts.items():
                for name in self.claims.heads[data_set]:
                    head = self.labeler.heads[name]
                    if head.target.key in part.encoded:
                        said = f"{split} of {set_path(data_set)}" if data_set else split
                        head.check_records(part, split=said, is_taught=is_trained and split == "train")


def _check_taught(name: str, head: Head, part: EncodedRecords, *, records: str) -> None:
    """Refuse training records that cannot teach the head."""
    has = ", ".join(part.columns.records.column_names)
    if head.target.key not in part.encoded:
        raise DataError(f"heads.{name} learns column {head.target.column!r}, but {records} have {has}")
    if head.is_of_pairs and part.second is None:
        second = f"give the second in columns such as tokens{SECOND}"
        raise DataError(f"heads.{name} labels pairs, but {records} have one side; {second}; they have {has}")


def prepare(config: DictConfig, *, targets: frozenset[str]) -> Start:
    """Return what training starts from; settles what `config` leaves to the training data."""
    settings: dict[str, Any] = plain(config)
    check_settings(settings)
    if settings["n_threads"]:
        torch.set_num_threads(settings["n_threads"])
    pl.seed_everything(settings["seed"], workers=True, verbose=False)
    fold = Fold.from_settings(settings["fold"])
    sets = read_sets(settings["data"], targets=targets, seed=settings["seed"], fold=fold)
    settle_schemes(config, sets)
    settings = plain(config)
    fields = Fields.from_config({key: settings[key] for key in MODEL_KEYS}, targets=targets)
    claims = claims_of(settings["heads"], set_configs(settings["data"]), sets, targets=targets)
    claims.fit(fields, sets)
    settle_claims(config, claims)
    return Start(build_labeler(settings, fields=fields, targets=targets), fields, claims, sets)
