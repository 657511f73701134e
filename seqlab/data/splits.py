"""Train, validation and test splits: reading them, and making them if the data has no official ones."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import datasets
import numpy as np

from seqlab.config.build import build
from seqlab.data.folds import Fold
from seqlab.errors import ConfigError, DataError

if TYPE_CHECKING:
    from seqlab.data.readers import Reader

log = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")


def known_split(name: str, *, corpus: str) -> str:
    """Return `name` if it is a split.

    Raises:
        DataError: it is not.
    """
    if name not in SPLITS:
        raise DataError(f"{name}: no split of {corpus}; expected {', '.join(SPLITS)}: set data.splits")
    return name


def split_at(point: float, *, shares: Mapping[str, float]) -> str:
    """Return the split that owns `point` on a scale divided into `shares`, from train to test."""
    ends = accumulate(shares[split] for split in SPLITS)
    # shares that add up to 1 may end just below it in floating point; a point beyond belongs to the last split
    return next((split for split, end in zip(SPLITS, ends, strict=True) if point < end), SPLITS[-1])


@final
@dataclass(frozen=True)
class HashedSplits:
    """Assigns each name to a split by its hash: the same on all machines, whatever other names there are.

    Args:
        shares: Share of the names in each of train, val and test; together 1.
        seed: Another seed gives another assignment.

    Raises:
        ConfigError: `shares` has other keys, or does not add up to 1.
    """

    shares: Mapping[str, float]
    seed: int

    def __post_init__(self) -> None:
        # 0.7 + 0.2 + 0.1 is not exactly 1
        is_whole = isclose(sum(self.shares.values()), 1.0) and min(self.shares.values(), default=0.0) >= 0.0
        if set(self.shares) != set(SPLITS) or not is_whole:
            expected = f"expected {', '.join(SPLITS)}, together 1: set data.reader.shares"
            raise ConfigError(f"shares is {dict(self.shares)}; {expected}")

    def owner(self, name: str) -> str:
        """Return the split of `name`."""
        # not `hash`, which differs between processes
        digest = blake2b(f"{self.seed} {name}".encode(), digest_size=8).digest()
        return split_at(int.from_bytes(digest, "big") / 2**64, shares=self.shares)


def read_splits(
    config: Mapping[str, Any], *, targets: frozenset[str], seed: int, path: str = "data", fold: Fold | None = None
) -> dict[str, datasets.Dataset]:
    """Return the records of the splits in a data config; without `val`, a share `holdout` of `train` becomes `val`.

    Args:
        config: Config of one data set.
        targets: Allow-list of `build`.
        seed: Selects the held-out records.
        path: Config path of `config`, for messages.
        fold: Part of `train` that replaces `test`, which is then not read; None: use the splits.

    Raises:
        DataError: a file is missing or faulty.
        ConfigError: the config has an unknown split, or its holdout is out of range.
    """
    reader: Reader = build(config["reader"], targets=targets, path=f"{path}.reader")
    # a fold has test records of its own, so the official ones are not read
    paths = {split: file for split, file in split_paths(config, path=path).items() if not (fold and split == "test")}
    records = {split: reader.read(path) for split, path in paths.items()}
    for split, found in records.items():
        if not len(found):
            without = f", or leave it out with {path}.splits.{split}=null" if split != "train" else ""
            raise DataError(f"{paths[split]}: no record to read as split {split}; choose another file{without}")
    if fold is not None and "train" in records:
        records |= fold.split(records["train"], seed=seed, path=path)
    if "train" in records and "val" not in records:
        records |= _held_out(records["train"], share=config["holdout"], seed=seed, path=path)
    return records


def split_paths(config: Mapping[str, Any], *, path: str = "data") -> dict[str, Path]:
    """Return the file of each split in a data config; `path` is its config path, for messages.

    Raises:
        ConfigError: a split is unknown, or a name is neither a path nor null.
    """
    unknown = set(config["splits"]) - set(SPLITS)
    if unknown:
        raise ConfigError(f"{path}.splits has {', '.join(sorted(unknown))}; expected {', '.join(SPLITS)}")
    folder = _name(config["dir"], path=f"{path}.dir")
    names = {split: _name(name, path=f"{path}.splits.{split}") for split, name in config["splits"].items()}
    return {split: Path(folder or "").expanduser() / name for split, name in names.items() if name}


def split_sources(config: Mapping[str, Any], *, path: str = "data") -> dict[str, str]:
    """Return each split of a data config with its file, for messages."""
    paths = split_paths(config, path=path)
    held_out = {} if "val" in paths else {"val": f"val (held out of {paths.get('train')})"}
    return {split: f"{split} ({file})" for split, file in paths.items()} | held_out


def _name(value: object, *, path: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    # bool is a subclass of int in Python
    if isinstance(value, bool | Mapping) or not isinstance(value, int | float):
        raise ConfigError(f"{path} is {value!r}; expected a path, or null for none")
    return str(value)  # a name of digits, such as 2024, is a number in a config


def _held_out(records: datasets.Dataset, *, share: float, seed: int, path: str) -> dict[str, datasets.Dataset]:
    if not 0 < share < 1:
        raise ConfigError(f"{path}.holdout is {share}; expected a share of the training records between 0 and 1")
    n_val = max(1, round(share * len(records)))
    if n_val >= len(records):
        raise DataError(f"{len(records)} training records are too few to hold {n_val} out; set {path}.splits.val")
    # sorted below, so that both parts keep the order of the file
    rows = np.random.default_rng(seed).permutation(len(records))
    log.info("no validation split: holding out %d of %d training records (%s.holdout=%s)", n_val, len(records), path, share)
    return {"train": records.select(np.sort(rows[n_val:])), "val": records.select(np.sort(rows[:n_val]))}
