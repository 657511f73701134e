"""Trainable vectors of categories, such as words, shapes and affixes."""

from types import MappingProxyType
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
    """One trainable vector per category.

    In training, a category that occurs n times is replaced by unknown with probability alpha / (n + alpha), so that the model
    learns to cope with unknown words (Kiperwasser and Goldberg 2016, §4).

    Args:
        field: The categories.
        width: Features per vector.
        unknown_alpha: The alpha of the replacement, such as 0.25; 0: no replacement.

    Raises:
        ConfigError: `unknown_alpha` is negative.
    """

    keep_prob: Tensor
    item_axes = MappingProxyType({"table.weight": "i-"})

    def __init__(self, field: CategoryField, *, width: int = 100, unknown_alpha: float = 0.5) -> None:
        super().__init__()
        self.field = field
        self.output_width = width
        if unknown_alpha < 0:
            raise ConfigError(f"unknown_alpha is {unknown_alpha}; expected 0 (no replacement) or more, such as 0.25")
        self.unknown_alpha = unknown_alpha
        counts = torch.tensor([0] * N_RESERVED + field.counts, dtype=torch.float32)
        # the bound keeps 0 / 0 out: reserved ids have no count, and with alpha 0 their sum is 0
        self.register_buffer("keep_prob", counts / (counts + unknown_alpha).clamp(min=1e-9), persistent=False)
        self.table = nn.Embedding(len(field.vocabulary), width, padding_idx=PADDING)
        # variance 1 / width gives vectors of length about 1, whatever the width
        nn.init.uniform_(self.table.weight, -((3 / width) ** 0.5), (3 / width) ** 0.5)

    def forward(self, batch: Batch) -> Float[Tensor, "batch time feature"]:
        ids: Int[Tensor, "batch time"] = batch.tensor(self.field)
        if self.training and self.unknown_alpha:
            # a mask of cut integers, as in dropout, is cheaper than a random float for every word
            is_kept = bernoulli_mask(tuple(ids.shape), keep_prob=self.keep_prob[ids], like=ids)
            ids = torch.where(is_kept, ids, UNKNOWN)
        vectors: Tensor = self.table(ids)
        return vectors


@final
class CategoryIds(Embedding):
    """The id of each category as a number, for heads with tables of their own.

    Args:
        field: The categories.
    """

    def __init__(self, field: CategoryField) -> None:
        super().__init__()
        self.field = field
        self.output_width = 1

    def forward(self, batch: Batch) -> Float[Tensor, "batch time feature"]:
        """Return the ids; float32 is exact for integers up to 16,777,216."""
        return batch.tensor(self.field).unsqueeze(2).float()
