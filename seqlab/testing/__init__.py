"""Contract suites: the promises of every part as test classes, which built-in parts and plugins pass.

Subclass one in a test file, define how the part is made, and pytest runs the rest:

    class TestMyEncoder(EncoderContract):
        def make(self, input_width):
            return MyEncoder(input_width=input_width, width=8)
"""

from seqlab.testing.embeddings import EmbeddingContract
from seqlab.testing.encoders import EncoderContract
from seqlab.testing.fields import FieldContract
from seqlab.testing.heads import HeadContract
from seqlab.testing.pairs import PairHeadContract
from seqlab.testing.plugins import PluginContract
from seqlab.testing.readers import ReaderContract
from seqlab.testing.records import labelled_columns, strange_columns
from seqlab.testing.token_heads import TokenHeadContract

__all__ = [
    "EmbeddingContract",
    "EncoderContract",
    "FieldContract",
    "HeadContract",
    "PairHeadContract",
    "PluginContract",
    "ReaderContract",
    "TokenHeadContract",
    "labelled_columns",
    "strange_columns",
]
