"""`Field`: the conversion of a column to padded tensors, with the vocabulary it needs."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int

from seqlab.data.columns import Columns

NO_TARGET = -1
"""Target id of padding, and of a label that does not occur in training."""


@runtime_checkable
class Tensors(Protocol):
    """A tensor, or a group of tensors that moves between devices together."""

    def to(self, device: torch.device) -> "Tensors":
        """Return a copy on `device`."""
        ...


Group = TypeVar("Group", bound="TensorGroup")


@dataclass(frozen=True)
class TensorGroup:
    """Base class of dataclasses whose fields are all tensors, or groups of tensors."""

    def to(self: Group, device: torch.device) -> Group:
        """Return a copy on `device`."""
        return replace(self, **{part.name: getattr(self, part.name).to(device) for part in fields(self)})


class EncodedColumn(ABC):
    """A column as numbers, encoded once; batches are slices of it."""

    lengths: Int[np.ndarray, " row"] | None = None
    """Steps per record if the column has one value per step, else None."""

    reach: Int[np.ndarray, " row"] | None = None
    """Steps that each record must have at least, if the column refers to steps, else None."""

    @abstractmethod
    def collate(self, rows: Int[np.ndarray, " batch"]) -> Tensors:
        """Return the padded tensors of `rows`."""


class Field(ABC):
    """Base class: converts a column to tensors; created from config, then fitted once or restored from a bundle."""

    column: str
    fitted: ClassVar[Sequence[str]] = ()
    """Names of the attributes that `fit` sets, for the default `state` and `restore`; their values must be JSON values."""

    @property
    def key(self) -> str:
        """Identifies the field: fields with equal keys share their vocabulary and their encoded columns."""
        return repr(self)  # the repr of a dataclass has all its settings

    @property
    def columns(self) -> Sequence[str]:
        """All columns that the field reads; `column` is the one that records must have."""
        return (self.column,)

    @property
    def origin(self) -> str:
        """Where pretrained values come from, and their licence, for the model card; empty if there are none."""
        return ""

    @abstractmethod
    def fit(self, columns: Columns) -> None:
        """Build the vocabulary from the training records."""

    def grow(self, earlier: "Field") -> None:  # noqa: B027 (most fields have nothing to keep)
        """Keep what an equal field learned from earlier data beside what this one has learned; by default, nothing.

        Targets keep nothing: a model learns the labels of its own data.
        """

    @abstractmethod
    def encode(self, columns: Columns) -> EncodedColumn:
        """Return the encoded column; strings that do not occur in training become `UNKNOWN` or `NO_TARGET`."""

    def state(self) -> Mapping[str, Any]:
        """Return the result of `fit` as JSON values: by default, the attributes in `fitted`."""
        return {name: getattr(self, name) for name in self.fitted}

    def arrays(self) -> Mapping[str, np.ndarray]:
        """Return the results of `fit` that are too large for JSON."""
        return {}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Restore `state` and `arrays` of a fitted field: by default, the attributes in `fitted`."""
        for name in self.fitted:
            setattr(self, name, state[name])


def target_ids(labels: Iterable[str | None], *, known: Sequence[str]) -> Int[np.ndarray, " label"]:
    """Return the index of each label in `known`; `NO_TARGET` for None and for labels that are not in it."""
    # a mapping, as `index` of a list would take time in the number of labels
    ids = {label: i for i, label in enumerate(known)}
    return np.asarray([NO_TARGET if label is None else ids.get(label, NO_TARGET) for label in labels], dtype=np.int64)
