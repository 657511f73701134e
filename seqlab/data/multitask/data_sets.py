"""Several data sets in one run: their configs and records by name."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import datasets

from seqlab.data.folds import Fold
from seqlab.data.multitask.schedule import Turns
from seqlab.data.splits import read_splits
from seqlab.errors import ConfigError, DataError

UNNAMED = ""
"""Name of the data set of a run without `data.sets`."""
_OWN = ("reader", "dir", "splits", "holdout", "scheme")
"""Required keys of a data set, as in the options of ``conf/data``."""
_FURTHER = ("heads", "columns", "weight", "suits", "name")


def set_configs(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configs of the data sets in `data` by name.

    Raises:
        ConfigError: there is no data set, or one has a missing or unknown key.
    """
    if "sets" not in data:
        return {UNNAMED: data}
    if not data["sets"]:
        raise ConfigError("data.sets is empty; add a data set by an option of conf/data: +data@data.sets.NAME=conll")
    for name, node in data["sets"].items():
        _check(name, node)
    return dict(data["sets"].items())


def set_path(name: str) -> str:
    """Return the config path of the data set `name`."""
    return f"data.sets.{name}" if name else "data"


def read_sets(
    data: Mapping[str, Any], *, targets: frozenset[str], seed: int, fold: Fold | None = None
) -> dict[str, dict[str, datasets.Dataset]]:
    """Return the splits of each data set, with columns renamed by `columns` of its config.

    Args:
        data: The data config.
        targets: Allow-list of `build`.
        seed: Selects the held-out records.
        fold: Part of the training records of each set that becomes its test split; None: use the splits.

    Raises:
        DataError: a file is missing or faulty.
        ConfigError: a setting is invalid, or a set has no `train` split.
    """
    sets = {}
    for name, node in set_configs(data).items():
        path = set_path(name)
        splits = read_splits(node, targets=targets, seed=seed, path=path, fold=fold)
        if "train" not in splits:
            raise ConfigError(f"{path}.splits.train is null; expected a file to train on; set {path}.splits.train=…")
        renames = node.get("columns") or {}
        sets[name] = {split: renamed(records, renames, path=path) for split, records in splits.items()}
    return sets


def renamed(records: datasets.Dataset, columns: Mapping[str, str], *, path: str) -> datasets.Dataset:
    """Rename `columns` (new name -> old name); an existing column with a new name is dropped.

    Raises:
        DataError: a column does not exist.
    """
    absent = [old for old in columns.values() if old not in records.column_names]
    if absent:
        raise DataError(f"{path}.columns names {absent[0]!r}, but its records have {', '.join(records.column_names)}")
    # Renaming to an existing name is an error in `datasets`, so the old column goes first.
    taken = [new for new in columns if new in records.column_names and new not in columns.values()]
    return records.remove_columns(taken).rename_columns({old: new for new, old in columns.items()})


def turns_of(data: Mapping[str, Any]) -> Turns:
    """Return the shares of the data sets in training."""
    weights = {name: node["weight"] for name, node in set_configs(data).items() if "weight" in node}
    return Turns(temperature=data.get("temperature", 1.0), weights=weights)


def score_names(heads: Mapping[str, Sequence[str]]) -> dict[str, dict[str, str]]:
    """Return the names of the scores of each head by data set: the head, or ``head@set`` if several sets train it."""
    served = [head for own in heads.values() for head in own]
    return {name: {head: f"{head}@{name}" if served.count(head) > 1 else head for head in own} for name, own in heads.items()}


def _check(name: str, node: object) -> None:
    path = set_path(name)
    # The name becomes part of config paths and of score names (``head@set``), where other characters have meanings.
    if not re.fullmatch(r"\w[\w-]*", name):
        raise ConfigError(f"data.sets has {name!r}; expected a name of letters, digits, _ and -")
    if not isinstance(node, Mapping):
        raise ConfigError(f"{path} is {node!r}; expected the content of an option of conf/data: +data@{path}=conll")
    lacking = [key for key in _OWN if key not in node]
    if lacking:
        raise ConfigError(f"{path} lacks {', '.join(lacking)}; start from an option of conf/data: +data@{path}=conll")
    unknown = [str(key) for key in node if key not in (*_OWN, *_FURTHER)]
    if unknown:
        raise ConfigError(f"{path}.{unknown[0]}: nothing reads it; a data set has {', '.join((*_OWN, *_FURTHER[:-1]))}")
