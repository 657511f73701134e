"""Trainable vectors for categories: words, shapes, affixes, any categorical column."""

from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.fields import CategoryField
from seqlab.data.vocabulary import N_RESERVED, PADDING, UNKNOWN
from seqlab.embeddings.base import Embedding
from seqlab.errors import ConfigError
from seqlab.functional.dropout import bernoulli_mask


@final
class CategoryEmbedding(Embedding):
    """One trainable vector a category.

    While training, an occurrence of a category that the data has n times reads as unknown with probability
    alpha / (n + alpha): rare words, as names are, teach the model to read on without them, and common ones stay
    (Kiperwasser and Goldberg 2016, §4). `unknown_alpha` 0 leaves all as they are.
    """

    keep_prob: Tensor

    def __init__(self, *, field: CategoryField, width: int, unknown_alpha: float) -> None:
        super().__init__()
        self.field = field
        self.output_width = width
        if unknown_alpha < 0:
            raise ConfigError(f"unknown_alpha is {unknown_alpha}; expected 0 (nothing reads as unknown) or more, such as 0.25")
        self.unknown_alpha = unknown_alpha
        counts = torch.tensor([0] * N_RESERVED + field.counts, dtype=torch.float32)
        self.register_buffer("keep_prob", counts / (counts + unknown_alpha).clamp(min=1e-9), persistent=False)
        self.table = nn.Embedding(len(field.vocabulary), width, padding_idx=PADDING)
        nn.init.uniform_(self.table.weight, -((3 / width) ** 0.5), (3 / width) ** 0.5)

    def forward(self, batch: Batch) -> Float[Tensor, "batch time feature"]:
        """Return each step's vector."""
        ids: Int[Tensor, "batch time"] = batch.tensor(self.field)
        if self.training and self.unknown_alpha:
            is_kept = bernoulli_mask(tuple(ids.shape), keep_prob=self.keep_prob[ids], like=ids)
            ids = torch.where(is_kept, ids, UNKNOWN)
        vectors: Tensor = self.table(ids)
        return vectors


@final
class CategoryIds(Embedding):
    """The id of each step's category itself, as one number: for heads that look it up in tables of their own."""

    def __init__(self, *, field: CategoryField) -> None:
        super().__init__()
        self.field = field
        self.output_width = 1

    def forward(self, batch: Batch) -> Float[Tensor, "batch time feature"]:
        """Return each step's id; float32 holds whole numbers up to 16,777,216 exactly."""
        return batch.tensor(self.field).unsqueeze(2).float()
