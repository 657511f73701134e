"""Pretrained word vectors, frozen or tuned."""

from types import MappingProxyType
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.fields import VectorField
from seqlab.data.vocabulary import N_RESERVED, UNKNOWN
from seqlab.embeddings.base import Embedding
from seqlab.functional.dropout import bernoulli_mask


class TableEmbedding(Embedding):
    """Base class: a table of pretrained vectors, frozen or tuned, and the factor that gives them standard deviation 1.

    Frozen vectors are not part of the checkpoint: the field has them, and the bundle stores them once.
    """

    matrix: Tensor
    scale: Tensor

    def set_table(self, matrix: Float[Tensor, "item feature"], *, n_reserved: int = 0, is_frozen: bool) -> None:
        """Take the table; its first `n_reserved` rows are no vectors of items."""
        self.output_width = matrix.shape[1]
        deviation = matrix[n_reserved:].std() if len(matrix) > n_reserved else torch.tensor(1.0)
        # files differ in scale; learning rates are tuned for features with deviation 1
        self.register_buffer("scale", 1 / torch.clamp(deviation, min=1e-6), persistent=False)
        if is_frozen:
            self.register_buffer("matrix", matrix, persistent=False)
        else:
            self.matrix = nn.Parameter(matrix.clone())


@final
class VectorEmbedding(TableEmbedding):
    """Pretrained vectors, scaled to standard deviation 1; unknown words share one trainable vector.

    Args:
        field: The words and their vectors.
        is_frozen: Whether to keep the vectors fixed in training.
        unknown_prob: Probability of replacing a word by unknown in training.
    """

    item_axes = MappingProxyType({"matrix": "i-"})

    def __init__(self, field: VectorField, *, is_frozen: bool = True, unknown_prob: float = 0.0) -> None:
        super().__init__()
        self.field = field
        self.unknown_prob = unknown_prob
        # zeros: an unknown word starts without any features
        self.unknown = nn.Parameter(torch.zeros(field.matrix.shape[1]))
        self.set_table(torch.from_numpy(field.matrix), n_reserved=N_RESERVED, is_frozen=is_frozen)

    def forward(self, batch: Batch) -> Float[Tensor, "batch time feature"]:
        ids: Int[Tensor, "batch time"] = batch.tensor(self.field)
        if self.training and self.unknown_prob:
            is_kept = bernoulli_mask(tuple(ids.shape), keep_prob=1 - self.unknown_prob, like=ids)
            ids = torch.where(is_kept, ids, UNKNOWN)
        values = nn.functional.embedding(ids, self.matrix) * self.scale
        return values + (ids == UNKNOWN).unsqueeze(-1) * self.unknown
