"""All fields of a model: found in its config, fitted together, kept in its bundle."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import datasets
import numpy as np

from seqlab.config import build, locate
from seqlab.data.columns import Columns
from seqlab.data.encoding import EncodedRecords
from seqlab.data.fields.base import Field


class Fields:
    """The distinct fields of a model by key; fields that agree in their config are one."""

    def __init__(self, fields: Mapping[str, Field]) -> None:
        self.by_key = dict(fields)

    @classmethod
    def from_config(cls, config: object, *, targets: frozenset[str]) -> "Fields":
        """Return the fields that `config` describes at any depth, not fitted yet."""
        found = (build(node, targets=targets, path=path) for path, node in _field_nodes(config, targets=targets, path=""))
        return cls({field.key: field for field in found})

    def __iter__(self) -> Iterator[Field]:
        """Return each field once."""
        return iter(self.by_key.values())

    def fit(self, records: datasets.Dataset) -> None:
        """Let every field learn from the training records."""
        columns = Columns(records)
        for field in self:
            field.fit(columns)

    def encode(self, records: datasets.Dataset, *, without: frozenset[str] = frozenset()) -> EncodedRecords:
        """Return `records` encoded by every field whose column they have, but for those whose keys are in `without`."""
        columns = Columns(records)
        fields = {key: field for key, field in self.by_key.items() if field.column in columns and key not in without}
        encoded = {key: field.encode(columns) for key, field in fields.items()}
        return EncodedRecords(encoded, columns=columns)

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
