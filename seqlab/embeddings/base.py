"""`Embedding`, the base class: reads a field of a batch into one vector per step."""

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.fields import Field


class Embedding(nn.Module, ABC):
    """Base class of the parts of an embedding layer."""

    field: Field
    """The field that it reads."""
    output_width: int
    """Features per step."""

    @abstractmethod
    def forward(self, batch: Batch) -> Float[Tensor, "batch time feature"]:
        """Return one vector per step; those of padding are undefined."""
