"""All fields of a model: found in its config, fitted together, kept in its bundle."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import datasets
import numpy as np

from seqlab.config.build import build, locate
from seqlab.data.batch import EncodedRecords
from seqlab.data.columns import Columns
from seqlab.data.fields.base import Field
from seqlab.data.pairs import one_after_another, second_side


class Fields:
    """The distinct fields of a model by key; fields that agree in their config are one.

    Where the model is `of_pairs`, records may have a second side (`seqlab.data.pairs`), which the same fields read.
    """

    def __init__(self, fields: Mapping[str, Field], *, of_pairs: bool = False) -> None:
        self.by_key = dict(fields)
        self.of_pairs = of_pairs

    @classmethod
    def from_config(cls, config: object, *, targets: frozenset[str]) -> "Fields":
        """Return the fields that `config` describes at any depth, not fitted yet; of pairs, where one of its `heads` is."""
        found = (build(node, targets=targets, path=path) for path, node in _field_nodes(config, targets=targets, path=""))
        return cls({field.key: field for field in found}, of_pairs=_has_heads_of_pairs(config, targets=targets))

    def __iter__(self) -> Iterator[Field]:
        """Return each field once."""
        return iter(self.by_key.values())

    def fit(self, records: datasets.Dataset) -> None:
        """Let every field learn from the training records."""
        sides = self.sides(records)
        for field in self:
            field.fit(Columns(one_after_another(sides, column=field.column)))

    def sides(self, records: datasets.Dataset) -> list[datasets.Dataset]:
        """Return the records and, where the model is of pairs and they have such, their second sides."""
        second = second_side(records) if self.of_pairs else None
        return [records] if second is None else [records, second]

    def encode(self, records: datasets.Dataset, *, without: frozenset[str] = frozenset()) -> EncodedRecords:
        """Return `records` encoded by every field whose column they have, but for those whose keys are in `without`."""
        first, *second = (self._encoded(side, without=without) for side in self.sides(records))
        return first.with_second(second[0]) if second and second[0].has_steps else first

    def _encoded(self, records: datasets.Dataset, *, without: frozenset[str]) -> EncodedRecords:
        columns = Columns(records)
        fields = {key: field for key, field in self.by_key.items() if field.column in columns and key not in without}
        return EncodedRecords({key: field.encode(columns) for key, field in fields.items()}, columns=columns)

    def resolve(self, built: Any) -> Any:
        """Return the fitted twin of a field just built, and anything else as it is."""
        return self.by_key[built.key] if isinstance(built, Field) else built

    def state(self) -> dict[str, Any]:
        """Return what every field learned, as JSON values."""
        return {key: dict(field.state()) for key, field in self.by_key.items()}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the fields' arrays, named `<position of the field>.<array>`."""
        return {f"{i}.{name}": array for i, field in enumerate(self) for name, array in field.arrays().items()}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` and `arrays` of a model with the same config returned."""
        for i, (key, field) in enumerate(self.by_key.items()):
            own = {name.removeprefix(f"{i}."): array for name, array in arrays.items() if name.startswith(f"{i}.")}
            field.restore(state[key], own)


def _field_nodes(node: object, *, targets: frozenset[str], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(node, list):
        node = {str(i): child for i, child in enumerate(node)}
    if not isinstance(node, Mapping):
        return
    if "_target_" in node and _is_field(locate(node["_target_"], targets=targets, path=path)):
        yield path, node
        return
    for key, child in node.items():
        yield from _field_nodes(child, targets=targets, path=f"{path}.{key}".lstrip("."))


def _is_field(target: Callable[..., Any]) -> bool:
    return isinstance(target, type) and issubclass(target, Field)


def _has_heads_of_pairs(config: object, *, targets: frozenset[str]) -> bool:
    heads = config.get("heads") if isinstance(config, Mapping) else None
    named = {name: node["_target_"] for name, node in (heads or {}).items() if isinstance(node, Mapping) and "_target_" in node}
    classes = (locate(target, targets=targets, path=f"heads.{name}") for name, target in named.items())
    return any(getattr(one, "is_of_pairs", False) for one in classes)
