"""The embedding layer of a model, which concatenates any number of embeddings."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import final

import torch
from torch import nn

from seqlab.data.batch import Batch
from seqlab.embeddings.base import Embedding
from seqlab.errors import ConfigError
from seqlab.functional.dropout import get_dropout
from seqlab.steps import Steps

DROPOUT = MappingProxyType({"variational": 0.3})


@final
class EmbeddingLayer(nn.Module):
    """Concatenates the vectors of its parts, with dropout.

    Args:
        parts: Name -> embedding; at least one.
        dropout: Kind of dropout -> dropout probability, applied in this order.

    Raises:
        ConfigError: there is no part, or a part is not an embedding.
    """

    def __init__(
        self, parts: Mapping[str, Embedding | Mapping[str, object]], *, dropout: Mapping[str, float] = DROPOUT
    ) -> None:
        super().__init__()
        if not parts:
            raise ConfigError("embedding.parts is empty; choose at least one, as in embedding=[words,char_cnn]")
        embeddings = {name: _checked(part, name=name) for name, part in parts.items()}
        self.parts = nn.ModuleDict(embeddings)
        self.by_name: Mapping[str, Embedding] = embeddings
        self.dropouts = nn.Sequential(*(get_dropout(kind, drop_prob=prob) for kind, prob in dropout.items()))
        self.origins = [part.field.origin for part in embeddings.values() if part.field.origin]
        self.output_width = sum(part.output_width for part in embeddings.values())

    def forward(self, batch: Batch) -> Steps:
        """Return the embedded steps of a batch."""
        vectors = [part(batch) for part in self.parts.values()]
        for (name, part), found in zip(self.parts.items(), vectors, strict=True):
            # Kernels of encoders are made for the stated width.
            if found.shape[-1] != part.output_width:
                states = f"expected {part.output_width}, the output_width of {type(part).__name__}; correct that"
                raise ConfigError(f"embedding.parts.{name} gives vectors of {found.shape[-1]} features; {states}")
        values = torch.cat(vectors, dim=2)
        return Steps(self.dropouts(values), batch.lengths)


def _checked(part: object, *, name: str) -> Embedding:
    if isinstance(part, Embedding):
        return part
    raise ConfigError(
        f"embedding.parts.{name} is {part}, without _target_; expected an embedding; add the option that defines it to "
        f"embedding=[…], or remove it with ~embedding.parts.{name}"
    )
