"""Pretrained transformers as embeddings for seqlab."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqlab_transformers.embedding import TransformerEmbedding
    from seqlab_transformers.field import SubwordField, Subwords

__all__ = ["SubwordField", "Subwords", "TransformerEmbedding"]
_MODULES = {"SubwordField": "field", "Subwords": "field", "TransformerEmbedding": "embedding"}


def __getattr__(name: str) -> Any:
    """Import a public class on first use, so that `seqlab distill --help` does not import transformers."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
