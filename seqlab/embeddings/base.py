"""`Embedding`, the base class: reads a field of a batch into one vector per step."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final

from jaxtyping import Float
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.fields import Field

PADDED: Final = "\0padding"
OTHERS: Final = "\0unknown"
"""Names of the places of padding and of unknown items, which no item of data has."""


class Embedding(nn.Module, ABC):
    """Base class of the parts of an embedding layer."""

    field: Field
    """The field that it reads."""
    output_width: int
    """Features per step."""
    item_axes: ClassVar[Mapping[str, str | None]] = MappingProxyType({})
    """As in `Head`: tensors that have places for the items of the field; `i` is their axis."""

    def axis_items(self, axis: str) -> list[str]:
        """Return the items of the field in the order of their places, after those reserved for padding and unknown items."""
        return [PADDED, OTHERS, *self.field.vocabulary.items]  # type: ignore[attr-defined] # those with `item_axes` have one

    @abstractmethod
    def forward(self, batch: Batch) -> Float[Tensor, "batch time feature"]:
        """Return one vector per step; those of padding are undefined."""
