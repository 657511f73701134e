"""Embeddings turn the fields of a batch into vectors."""

from seqlab.embeddings.base import Embedding
from seqlab.embeddings.categories import CategoryEmbedding, CategoryIds
from seqlab.embeddings.characters import CharCnnEmbedding, CharLstmEmbedding
from seqlab.embeddings.concat import EmbeddingLayer
from seqlab.embeddings.frames import FrameEmbedding
from seqlab.embeddings.gazetteers import GazetteerEmbedding
from seqlab.embeddings.subwords import StaticSubwordEmbedding
from seqlab.embeddings.vectors import VectorEmbedding

__all__ = [
    "CategoryEmbedding",
    "CategoryIds",
    "CharCnnEmbedding",
    "CharLstmEmbedding",
    "Embedding",
    "EmbeddingLayer",
    "FrameEmbedding",
    "GazetteerEmbedding",
    "StaticSubwordEmbedding",
    "VectorEmbedding",
]
