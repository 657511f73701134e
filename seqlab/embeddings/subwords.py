"""Static subword embeddings: each word is the mean of the pretrained vectors of its subwords."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.fields import SubwordTableField, WordSubwords
from seqlab.embeddings.vectors import TableEmbedding


@final
class StaticSubwordEmbedding(TableEmbedding):
    """Mean of the pretrained vectors of a word's subwords, scaled to standard deviation 1; no word is unknown.

    Args:
        field: The subwords and their vectors.
        is_frozen: Whether to keep the vectors fixed in training.

    Sources: Bojanowski et al., "Enriching word vectors with subword information", 2017; Tulkens and van Dongen, "Model2Vec:
    fast state-of-the-art static embeddings", 2024.
    """

    def __init__(self, field: SubwordTableField, *, is_frozen: bool = True) -> None:
        super().__init__()
        self.field = field
        self.set_table(torch.from_numpy(field.matrix).float(), is_frozen=is_frozen)

    def forward(self, batch: Batch) -> Float[Tensor, "batch time feature"]:
        subwords = batch.tensors(self.field)
        assert isinstance(subwords, WordSubwords)
        # each distinct word once; a word without subwords is zero
        words = nn.functional.embedding_bag(subwords.ids, self.matrix, subwords.starts, mode="mean") * self.scale
        n_records, n_steps = subwords.word.shape
        steps: Tensor = words.index_select(0, subwords.word.view(-1)).view(n_records, n_steps, -1)
        return steps
