"""Real-valued frames, optionally projected."""

from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.fields import NumbersField
from seqlab.embeddings.base import Embedding
from seqlab.functional.widths import Linear


@final
class FrameEmbedding(Embedding):
    """The frames of the field, optionally with a linear projection.

    Args:
        field: The frames.
        width: Features after the projection; None: no projection.
    """

    def __init__(self, field: NumbersField, *, width: int | None = None) -> None:
        super().__init__()
        self.field = field
        self.output_width = width or field.width
        self.projection = Linear(field.width, width) if width else nn.Identity()

    def forward(self, batch: Batch) -> Float[Tensor, "batch time feature"]:
        frames: Tensor = self.projection(batch.tensor(self.field))
        return frames
