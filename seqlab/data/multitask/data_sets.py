"""Several data sets in one run: a config and the records of each, by name."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import datasets

from seqlab.data.folds import Fold
from seqlab.data.multitask.schedule import Turns
from seqlab.data.splits import read_splits
from seqlab.errors import ConfigError, DataError

UNNAMED = ""
"""Name of the data set of a run that has one, by a config that is no list of sets."""
_OWN = ("reader", "dir", "splits", "holdout", "scheme")
"""What every data set says, as the options of `conf/data` do."""
_FURTHER = ("heads", "columns", "weight", "suits", "name")


def set_configs(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of each data set of `data` by name.

    Raises: ConfigError where there is no set, and for a set that lacks a key or has one that nothing reads.
    """
    if "sets" not in data:
        return {UNNAMED: data}
    if not data["sets"]:
        raise ConfigError("data.sets is empty; add a data set by an option of conf/data: +data@data.sets.NAME=conll")
    for name, node in data["sets"].items():
        _check(name, node)
    return dict(data["sets"].items())


def set_path(name: str) -> str:
    """Return where the config of data set `name` stands."""
    return f"data.sets.{name}" if name else "data"


def read_sets(
    data: Mapping[str, Any], *, targets: frozenset[str], seed: int, fold: Fold | None = None
) -> dict[str, dict[str, datasets.Dataset]]:
    """Return the splits of each data set, their columns under the names that `columns` of the set gives them.

    With a `fold`, that part of each set's training records is its test split.

    Raises: DataError for files that are missing or wrong; ConfigError for settings that are, and without a `train` split.
    """
    sets = {}
    for name, node in set_configs(data).items():
        path = set_path(name)
        splits = read_splits(node, targets=targets, seed=seed, path=path, fold=fold)
        if "train" not in splits:
            raise ConfigError(f"{path}.splits.train is null; expected a file to learn from; set {path}.splits.train=…")
        renames = node.get("columns") or {}
        sets[name] = {split: renamed(records, renames, path=path) for split, records in splits.items()}
    return sets


def renamed(records: datasets.Dataset, columns: Mapping[str, str], *, path: str) -> datasets.Dataset:
    """Return `records` with each of `columns`, new name -> name that the reader gives, under its new name.

    A column that bore the new name is left out. Raises: DataError for a column that is not there.
    """
    absent = [old for old in columns.values() if old not in records.column_names]
    if absent:
        has = ", ".join(records.column_names)
        raise DataError(f"{path}.columns names {absent[0]!r}, but its records have {has}")
    taken = [new for new in columns if new in records.column_names and new not in columns.values()]
    return records.remove_columns(taken).rename_columns({old: new for new, old in columns.items()})


def turns_of(data: Mapping[str, Any]) -> Turns:
    """Return how often each data set has its turn in training."""
    weights = {name: node["weight"] for name, node in set_configs(data).items() if "weight" in node}
    return Turns(temperature=data.get("temperature", 1.0), weights=weights)


def score_names(heads: Mapping[str, Sequence[str]]) -> dict[str, dict[str, str]]:
    """Return by data set what the scores of each of its `heads` go by: the head, and `head@set` where several sets serve it."""
    served = [head for own in heads.values() for head in own]
    return {name: {head: f"{head}@{name}" if served.count(head) > 1 else head for head in own} for name, own in heads.items()}


def _check(name: str, node: object) -> None:
    path = set_path(name)
    if not re.fullmatch(r"\w[\w-]*", name):
        raise ConfigError(f"data.sets has {name!r}; expected a name of letters, digits, _ and -")
    if not isinstance(node, Mapping):
        raise ConfigError(f"{path} is {node!r}; expected what an option of conf/data has: +data@{path}=conll")
    lacking = [key for key in _OWN if key not in node]
    if lacking:
        raise ConfigError(f"{path} lacks {', '.join(lacking)}; start from an option of conf/data: +data@{path}=conll")
    unknown = [str(key) for key in node if key not in (*_OWN, *_FURTHER)]
    if unknown:
        raise ConfigError(f"{path}.{unknown[0]}: nothing reads it; a data set has {', '.join((*_OWN, *_FURTHER[:-1]))}")
