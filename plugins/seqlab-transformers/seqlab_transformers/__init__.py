"""Encoders of the transformers package as an embedding of seqlab."""

from seqlab_transformers.embedding import TransformerEmbedding
from seqlab_transformers.field import SubwordField, Subwords

__all__ = ["SubwordField", "Subwords", "TransformerEmbedding"]
