"""What a field is: one column turned into padded tensors and back, with the vocabulary that this takes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int

from seqlab.data.columns import Columns

NO_TARGET = -1
"""Target id of a step without one: padding, or a label that training never saw."""


@runtime_checkable
class Tensors(Protocol):
    """A tensor or a group of tensors that moves to a device as one."""

    def to(self, device: torch.device) -> "Tensors":
        """Return the same on `device`."""
        ...


class EncodedColumn(ABC):
    """A column as integers or numbers, encoded once; batches are cut from it."""

    lengths: Int[np.ndarray, " row"] | None = None
    """Steps of each record where the column runs along the sequence's time axis; None elsewhere."""

    reach: Int[np.ndarray, " row"] | None = None
    """Steps that each record must at least have, where the column points to steps; None elsewhere."""

    @abstractmethod
    def collate(self, rows: Int[np.ndarray, " batch"]) -> Tensors:
        """Return the padded tensors of `rows`."""


class Field(ABC):
    """Turns one column into tensors and back; constructed from config, then fitted once or restored from a bundle."""

    column: str

    @property
    def key(self) -> str:
        """What tells this field from others: two fields with one key share everything they learn from the data."""
        return repr(self)

    @property
    def columns(self) -> Sequence[str]:
        """All columns that it reads: `column`, and what others say of that."""
        return (self.column,)

    @abstractmethod
    def fit(self, columns: Columns) -> None:
        """Learn the vocabulary from the training records."""

    @abstractmethod
    def encode(self, columns: Columns) -> EncodedColumn:
        """Return the column encoded; strings never seen in training become `UNKNOWN` or `NO_TARGET`."""

    @abstractmethod
    def state(self) -> Mapping[str, Any]:
        """Return what `fit` learned, as JSON values."""

    def arrays(self) -> Mapping[str, np.ndarray]:
        """Return what `fit` learned that is too big for JSON."""
        return {}

    @abstractmethod
    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what another field's `state` and `arrays` returned."""
