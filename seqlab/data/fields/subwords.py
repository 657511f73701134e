"""Subwords of words, for tables of static token embeddings."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.data.columns import Columns, Ragged
from seqlab.data.fields.base import EncodedColumn, Field, TensorGroup
from seqlab.data.pretrained.fasttext import FastTextWords, read_fasttext
from seqlab.data.pretrained.subwords import lead_of, plain_tokenizer, subword_ids
from seqlab.data.pretrained.token_tables import read_token_table
from seqlab.errors import ConfigError

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


class SubwordTableField(Field):
    """Base class: words as subwords that have pretrained vectors."""

    matrix: Float[np.ndarray, "subword feature"]
    """The vector of each subword; a bundle stores it."""


@final
@dataclass
class StaticSubwordField(SubwordTableField):
    """Subwords of words by a tokenizer, and the pretrained vector of each.

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


@final
@dataclass
class FastTextField(SubwordTableField):
    """Words and their character n-grams, with the vectors of a fastText model.

    A bundle stores the whole table: of a model of several gigabytes, first make a smaller one with fastText's `reduce_model`.

    Args:
        column: Column with one word per step.
        path: The model (``.bin``).
    """

    column: str = "tokens"
    path: str = ""
    words: FastTextWords = field(init=False, repr=False)
    matrix: Float[np.ndarray, "subword feature"] = field(init=False, repr=False)

    @property
    def origin(self) -> str:
        return f"fastText model {self.path}, licence not stated"

    def fit(self, columns: Columns) -> None:
        """Read the model; the training records are not needed.

        Raises:
            DataError: `path` is not a fastText model.
        """
        if not self.path:
            raise ConfigError("path is empty; set embedding.parts.fasttext.field.path=path/to/model.bin")
        self.words, self.matrix = read_fasttext(Path(self.path).expanduser())

    def encode(self, columns: Columns) -> EncodedSubwords:
        strings = columns.strings(self.column)
        return EncodedSubwords(strings.codes, subwords=self.words.rows(strings.distinct))

    def state(self) -> Mapping[str, Any]:
        return asdict(self.words)

    def arrays(self) -> Mapping[str, np.ndarray]:
        return {"matrix": self.matrix}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        self.words, self.matrix = FastTextWords(**state), arrays["matrix"]
