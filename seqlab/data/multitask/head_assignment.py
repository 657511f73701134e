"""Assignment of heads to data sets: a head is trained and evaluated on its data sets only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import datasets

from seqlab.config.build import build
from seqlab.data.batch import EncodedRecords
from seqlab.data.columns import Columns
from seqlab.data.fields.base import Field
from seqlab.data.fields.registry import Fields
from seqlab.data.multitask.data_sets import UNNAMED, set_path
from seqlab.data.multitask.joined import JoinedRecords, Split
from seqlab.data.pairs import one_after_another
from seqlab.errors import ConfigError, DataError

Splits: TypeAlias = Mapping[str, datasets.Dataset]
"""Split -> records of a data set."""


@final
@dataclass(frozen=True)
class Claims:
    """The heads of each data set, and the targets of the heads (none in a run without named data sets)."""

    heads: Mapping[str, Sequence[str]]
    """Data set -> heads."""
    targets: Mapping[str, Field]
    """Head -> unfitted target."""

    def fit(self, fields: Fields, sets: Mapping[str, Splits]) -> None:
        """Fit each field to the training records of all data sets that have its column, unless it is withheld from them."""
        for field in fields:
            own = [splits["train"] for name, splits in sets.items() if field.key not in self.withheld(name)]
            sides = [side for records in own for side in fields.sides(records)]
            field.fit(Columns(one_after_another(sides, column=field.column)))

    def encode(
        self, fields: Fields, sets: Mapping[str, Splits], *, sources: Mapping[str, Mapping[str, str]]
    ) -> dict[str, Split]:
        """Encode the records of each split; those of a data set lack the targets of heads of other sets.

        `sources` describe the splits of each data set, for messages.
        """
        if UNNAMED in sets:
            said = sources.get(UNNAMED, {})
            return {split: fields.encode(found, source=said.get(split, split)) for split, found in sets[UNNAMED].items()}
        by_split: dict[str, dict[str, EncodedRecords]] = {}
        for name, splits in sets.items():
            for split, records in splits.items():
                encoded = fields.encode(records, without=self.withheld(name), source=sources.get(name, {}).get(split, split))
                by_split.setdefault(split, {})[name] = encoded
        return {split: JoinedRecords(parts) for split, parts in by_split.items()}

    def withheld(self, data_set: str) -> frozenset[str]:
        """Return the keys of the targets that only heads of other data sets use."""
        own = {self.targets[head].key for head in self.heads[data_set] if head in self.targets}
        # by key, not by head: a target that a head of this data set shares with another is not withheld
        return frozenset(target.key for target in self.targets.values()) - own


def claims_of(
    heads: Mapping[str, Any], configs: Mapping[str, Any], sets: Mapping[str, Splits], *, targets: frozenset[str]
) -> Claims:
    """Return the heads of each data set: those in `heads` of its config, else all whose column it has.

    Args:
        heads: Configs of the heads by name.
        configs: Configs of the data sets by name.
        sets: Records of the data sets by name.
        targets: Allow-list of `build`.

    Raises:
        ConfigError: a head is unknown or has no data set, two heads of different sets have the same target, or the span
            schemes of a head and its data differ.
        DataError: a data set lacks the column of one of its heads.
    """
    if UNNAMED in sets:
        return Claims({UNNAMED: list(heads)}, {})
    learned = {name: _target(node, targets=targets, path=f"heads.{name}") for name, node in heads.items()}
    claimed = {name: _claimed(name, configs[name], sets[name]["train"], learned) for name in sets}
    for name, head in ((name, head) for name, own in claimed.items() for head in own):
        _check_scheme(head, learned[head], configs[name], path=set_path(name))
    _check_served(claimed, learned)
    _check_apart(claimed, learned)
    return Claims(claimed, learned)


def _target(node: Mapping[str, Any], *, targets: frozenset[str], path: str) -> Field:
    target = build(node.get("target"), targets=targets, path=f"{path}.target")
    if not isinstance(target, Field):
        raise ConfigError(f"{path} has no target field; with several data sets, each head learns {path}.target")
    return target


def _claimed(name: str, config: Mapping[str, Any], train: datasets.Dataset, learned: Mapping[str, Field]) -> list[str]:
    chosen = config.get("heads")
    if chosen is None:
        return [head for head, target in learned.items() if target.column in train.column_names]
    for head in chosen:
        if head not in learned:
            raise ConfigError(f"{set_path(name)}.heads names {head!r}; expected some of {', '.join(learned)}")
        column = learned[head].column
        if column not in train.column_names:
            has = ", ".join(train.column_names)
            what = f"{set_path(name)}.heads names {head!r}, which learns column {column!r}"
            raise DataError(f"{what}, but the training records have {has}; set heads.{head}.target.column=…")
    return list(chosen)


def _check_served(claimed: Mapping[str, Sequence[str]], learned: Mapping[str, Field]) -> None:
    # a head without data would keep its random weights
    served = {head for own in claimed.values() for head in own}
    for head, target in learned.items():
        if head not in served:
            names = ", ".join(f"{set_path(name)}.heads" for name in claimed)
            raise ConfigError(f"heads.{head} learns column {target.column!r}, but no data set serves it; add it to {names}")
    for name, own in claimed.items():
        if not own:
            raise ConfigError(f"{set_path(name)} serves no head; expected some of {', '.join(learned)} in its heads")


def _check_apart(claimed: Mapping[str, Sequence[str]], learned: Mapping[str, Field]) -> None:
    """Raise if two heads share a target but not their data sets: both would train on the records of either."""
    owners = {head: [name for name, own in claimed.items() if head in own] for head in learned}
    seen: dict[str, str] = {}
    for head, target in learned.items():
        other = seen.setdefault(target.key, head)
        if owners[other] != owners[head]:
            path, column = set_path(owners[head][0]), target.column
            what = f"heads.{other} of {', '.join(owners[other])} and heads.{head} of {', '.join(owners[head])}"
            change = f"+{path}.columns={{{head}: {column}}} heads.{head}.target.column={head}"
            raise ConfigError(f"{what} learn the same column {column!r}; give one a column of its own: {change}")


def _check_scheme(head: str, target: Field, config: Mapping[str, Any], *, path: str) -> None:
    """Raise if a head expects the tags of a data set in another span scheme."""
    renames = config.get("columns") or {}
    tags = next((new for new, old in renames.items() if old == "tags"), "tags")
    if target.column == tags and hasattr(target, "scheme") and target.scheme != config["scheme"]:
        here, there = target.scheme or "null", config["scheme"] or "null"
        what = f"heads.{head}.target.scheme is {here}, but {path}.scheme is {there}"
        change = f"set heads.{head}.target.scheme={there}, or convert the tags"
        raise ConfigError(f"{what}; {change}: {path}.reader.target_scheme={here} {path}.scheme={here}")
