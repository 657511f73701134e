"""All fields of a model: found in its config, fitted together, saved in its bundle."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import datasets
import numpy as np

from seqlab.config.build import build, locate
from seqlab.data.batch import EncodedRecords
from seqlab.data.columns import Columns
from seqlab.data.fields.base import Field
from seqlab.data.pairs import one_after_another, second_side


class Fields:
    """The distinct fields of a model by key: fields with equal configs are one.

    Args:
        fields: Key -> field.
        of_pairs: Whether the model reads pairs: records may then have a second side (`seqlab.data.pairs`), which the same
            fields encode.
    """

    def __init__(self, fields: Mapping[str, Field], *, of_pairs: bool = False) -> None:
        self.by_key = dict(fields)
        self.of_pairs = of_pairs

    @classmethod
    def from_config(cls, config: object, *, targets: frozenset[str]) -> "Fields":
        """Return the unfitted fields in `config`, at any depth; `of_pairs` if one of its `heads` is."""
        found = (build(node, targets=targets, path=path) for path, node in _field_nodes(config, targets=targets, path=""))
        return cls({field.key: field for field in found}, of_pairs=_has_heads_of_pairs(config, targets=targets))

    def __iter__(self) -> Iterator[Field]:
        """Return each field once."""
        return iter(self.by_key.values())

    def fit(self, records: datasets.Dataset) -> None:
        """Fit all fields to the training records."""
        sides = self.sides(records)
        for field in self:
            field.fit(Columns(one_after_another(sides, column=field.column)))

    def grow(self, earlier: "Fields") -> None:
        """Let each field keep what the equal field of an earlier model knows."""
        for key, field in self.by_key.items():
            if key in earlier.by_key:
                field.grow(earlier.by_key[key])

    def sides(self, records: datasets.Dataset) -> list[datasets.Dataset]:
        """Return the records and, if the model reads pairs and the records have them, their second sides."""
        second = second_side(records) if self.of_pairs else None
        return [records] if second is None else [records, second]

    def encode(self, records: datasets.Dataset, *, without: frozenset[str] = frozenset(), source: str = "") -> EncodedRecords:
        """Encode `records` with all fields whose column they have, except for those with keys in `without`.

        `source` is their split and file, for messages.
        """
        first, *second = (self._encoded(side, without=without, source=source) for side in self.sides(records))
        return replace(first, second=second[0]) if second and second[0].has_steps else first

    def _encoded(self, records: datasets.Dataset, *, without: frozenset[str], source: str) -> EncodedRecords:
        columns = Columns(records, source=source)
        # records to predict have no target columns
        fields = {key: field for key, field in self.by_key.items() if field.column in columns and key not in without}
        return EncodedRecords({key: field.encode(columns) for key, field in fields.items()}, columns=columns)

    def resolve(self, built: Any) -> Any:
        """Return the fitted field with the key of the field `built`; other objects are returned unchanged."""
        return self.by_key[built.key] if isinstance(built, Field) else built

    def state(self) -> dict[str, Any]:
        """Return the state of all fields as JSON values."""
        return {key: dict(field.state()) for key, field in self.by_key.items()}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays of all fields as ``<position of the field>.<name>``."""
        return {f"{i}.{name}": array for i, field in enumerate(self) for name, array in field.arrays().items()}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Restore `state` and `arrays` of a model with the same config."""
        for i, (key, field) in enumerate(self.by_key.items()):
            # the dot keeps field 1 apart from field 10
            own = {name.removeprefix(f"{i}."): array for name, array in arrays.items() if name.startswith(f"{i}.")}
            field.restore(state[key], own)


def _field_nodes(node: object, *, targets: frozenset[str], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(node, list):
        node = {str(i): child for i, child in enumerate(node)}
    if not isinstance(node, Mapping):
        return
    target = locate(node["_target_"], targets=targets, path=path) if "_target_" in node else None
    if isinstance(target, type) and issubclass(target, Field):
        yield path, node
        return
    for key, child in node.items():
        yield from _field_nodes(child, targets=targets, path=f"{path}.{key}".lstrip("."))


def _has_heads_of_pairs(config: object, *, targets: frozenset[str]) -> bool:
    heads = config.get("heads") if isinstance(config, Mapping) else None
    named = {name: node["_target_"] for name, node in (heads or {}).items() if isinstance(node, Mapping) and "_target_" in node}
    classes = (locate(target, targets=targets, path=f"heads.{name}") for name, target in named.items())
    return any(getattr(one, "is_of_pairs", False) for one in classes)
