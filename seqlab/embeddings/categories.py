"""Trainable vectors for categories: words, shapes, affixes, any categorical column."""

from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.data.encoding import Batch
from seqlab.data.fields import CategoryField
from seqlab.data.vocabulary import PADDING, UNKNOWN
from seqlab.dropout import bernoulli_mask
from seqlab.embeddings.base import Embedding


@final
class CategoryEmbedding(Embedding):
    """One trainable vector a category. Some real steps read as unknown while training, so that unknown ones mean something."""

    def __init__(self, *, field: CategoryField, width: int, unknown_prob: float) -> None:
        super().__init__()
        self.field = field
        self.output_width = width
        self.unknown_prob = unknown_prob
        self.table = nn.Embedding(len(field.vocabulary), width, padding_idx=PADDING)
        nn.init.uniform_(self.table.weight, -((3 / width) ** 0.5), (3 / width) ** 0.5)

    def forward(self, batch: Batch) -> Float[Tensor, "batch time feature"]:
        """Return each step's vector."""
        ids: Int[Tensor, "batch time"] = batch.tensors(self.field)  # type: ignore[assignment]
        if self.training and self.unknown_prob:
            is_kept = bernoulli_mask(tuple(ids.shape), keep_prob=1 - self.unknown_prob, like=ids)
            ids = torch.where(is_kept, ids, UNKNOWN)
        return self.table(ids)  # type: ignore[no-any-return]
