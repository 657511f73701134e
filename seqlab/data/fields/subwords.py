"""Subwords of words, for tables of static token embeddings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.data.columns import Columns, Ragged
from seqlab.data.fields.base import EncodedColumn, Field, TensorGroup
from seqlab.data.pretrained.subwords import lead_of, plain_tokenizer, subword_ids
from seqlab.data.pretrained.token_tables import read_token_table

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class WordSubwords(TensorGroup):
    """The subwords of the distinct words of a batch, one word after another, and the word at each step."""

    ids: Int[Tensor, " subword"]
    starts: Int[Tensor, " word"]
    """Where the subwords of each word begin; an empty word has none."""
    word: Int[Tensor, "batch time"]
    """Position in `starts` of the word at each step; 0 for padding."""


@final
class EncodedSubwords(EncodedColumn):
    """The subwords of each distinct word, and the word at each step."""

    def __init__(self, words: Ragged, *, subwords: Ragged) -> None:
        self.words = words
        self.subwords = subwords
        self.lengths = words.lengths

    def collate(self, rows: Int[np.ndarray, " batch"]) -> WordSubwords:
        words, word = self.words.distinct(rows)
        if not len(words):  # one word without subwords keeps the shapes valid
            return WordSubwords(torch.zeros(0, dtype=torch.int64), torch.zeros(1, dtype=torch.int64), torch.from_numpy(word))
        counts = self.subwords.lengths[words]
        starts = np.cumsum(counts) - counts
        index = np.repeat(self.subwords.offsets[words] - starts, counts) + np.arange(counts.sum())
        return WordSubwords(*map(torch.from_numpy, (self.subwords.values[index], starts, word)))


@final
@dataclass
class StaticSubwordField(Field):
    """Subwords of words, and the pretrained vector of each subword; a bundle stores both.

    Args:
        column: Column with one word per step.
        source: A folder with `tokenizer.json` and `model.safetensors`, as Model2Vec writes them, or an installed package with
            such files, as WordLlama.
    """

    column: str = "tokens"
    source: str = "wordllama"
    tokenizer: "Tokenizer" = field(init=False, repr=False)
    matrix: Float[np.ndarray, "subword feature"] = field(init=False, repr=False)
    table_origin: str = field(init=False, repr=False)

    @property
    def origin(self) -> str:
        return self.table_origin

    def fit(self, columns: Columns) -> None:
        """Read the table; the training records are not needed.

        Raises:
            ConfigError: `source` has no such table.
        """
        table = read_token_table(self.source)
        self.tokenizer, self.matrix, self.table_origin = table.tokenizer, table.matrix, table.origin

    def encode(self, columns: Columns) -> EncodedSubwords:
        strings = columns.strings(self.column)
        subwords = subword_ids(self.tokenizer, strings.distinct, lead=lead_of(self.tokenizer))
        return EncodedSubwords(strings.codes, subwords=subwords)

    def state(self) -> Mapping[str, Any]:
        return {"origin": self.table_origin}

    def arrays(self) -> Mapping[str, np.ndarray]:
        """Return the table, and the bytes of the tokenizer, which may have several megabytes."""
        return {"matrix": self.matrix, "tokenizer": np.frombuffer(self.tokenizer.to_str().encode(), dtype=np.uint8)}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        self.table_origin, self.matrix = state["origin"], arrays["matrix"]
        self.tokenizer = plain_tokenizer(arrays["tokenizer"].tobytes().decode())
