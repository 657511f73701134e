"""Static subword embeddings: each word is the mean of the pretrained vectors of its subwords."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqlab.data.batch import Batch
from seqlab.data.fields import SubwordTableField, WordSubwords
from seqlab.embeddings.base import Embedding


@final
class StaticSubwordEmbedding(Embedding):
    """Mean of the pretrained vectors of a word's subwords, scaled to standard deviation 1; no word is unknown.

    Frozen vectors are not part of the checkpoint: the field has them, and the bundle stores them once.

    Args:
        field: The subwords and their vectors.
        is_frozen: Whether to keep the vectors fixed in training.

    Sources: Bojanowski et al., "Enriching word vectors with subword information", 2017; Tulkens and van Dongen, "Model2Vec:
    fast state-of-the-art static embeddings", 2024.
    """

    matrix: Tensor
    scale: Tensor

    def __init__(self, field: SubwordTableField, *, is_frozen: bool = True) -> None:
        super().__init__()
        self.field = field
        matrix = torch.from_numpy(field.matrix).float()
        self.output_width = matrix.shape[1]
        # tables differ in scale; learning rates are tuned for features with deviation 1
        self.register_buffer("scale", 1 / matrix.std().clamp(min=1e-6), persistent=False)
        if is_frozen:
            self.register_buffer("matrix", matrix, persistent=False)
        else:
            self.matrix = nn.Parameter(matrix.clone())

    def forward(self, batch: Batch) -> Float[Tensor, "batch time feature"]:
        subwords = batch.tensors(self.field)
        assert isinstance(subwords, WordSubwords)
        # each distinct word once; a word without subwords is zero
        words = nn.functional.embedding_bag(subwords.ids, self.matrix, subwords.starts, mode="mean") * self.scale
        n_records, n_steps = subwords.word.shape
        steps: Tensor = words.index_select(0, subwords.word.view(-1)).view(n_records, n_steps, -1)
        return steps
