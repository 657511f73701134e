"""What an embedding is: fields of a batch -> one feature vector a step."""

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.fields import Field


class Embedding(nn.Module, ABC):
    """Part of an embedding layer; reads one field of the batch."""

    field: Field
    """What it reads of a batch."""
    output_width: int

    @abstractmethod
    def forward(self, batch: Batch) -> Float[Tensor, "batch time feature"]:
        """Return one vector a step; padding steps are undefined."""
