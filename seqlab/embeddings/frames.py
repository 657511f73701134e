"""Real-valued frames as they are, or through a linear layer."""

from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.fields import NumbersField
from seqlab.embeddings.base import Embedding


@final
class FrameEmbedding(Embedding):
    """Each step's frame, scaled by the field; `width` projects it linearly, None hands it on."""

    def __init__(self, *, field: NumbersField, width: int | None) -> None:
        super().__init__()
        self.field = field
        self.output_width = width or field.width
        self.projection = nn.Linear(field.width, width) if width else nn.Identity()

    def forward(self, batch: Batch) -> Float[Tensor, "batch time feature"]:
        """Return each step's frame."""
        frames: Tensor = self.projection(batch.tensor(self.field))
        return frames
