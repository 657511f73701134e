"""Characters of words: each distinct word of a batch is stored once, however often it occurs."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from seqlab.data.columns import Columns, Ragged
from seqlab.data.fields.base import EncodedColumn, Field, TensorGroup
from seqlab.data.vocabulary import PADDING, Vocabulary


@dataclass(frozen=True)
class Spellings(TensorGroup):
    """The distinct words of a batch as characters, and the word at each step.

    The words are sorted by length, shortest first, so that consecutive groups of them need little padding.
    """

    characters: Int[Tensor, "word char"]
    lengths: Int[Tensor, " word"]
    word: Int[Tensor, "batch time"]
    """Row of `characters` at each step; row 0 for padding."""


@final
class EncodedSpellings(EncodedColumn):
    """The distinct words as characters, and the word at each step."""

    def __init__(self, words: Ragged, *, spellings: Ragged) -> None:
        self.words = words
        self.spellings = spellings
        self.lengths = words.lengths

    def collate(self, rows: Int[np.ndarray, " batch"]) -> Spellings:
        words, word = self.words.distinct(rows)
        if not len(words):
            words = np.zeros(1, dtype=np.int64)
        spellings = self.spellings
        if not len(spellings.lengths):  # without any word, one word of padding keeps the shapes valid
            spellings = Ragged(np.full(1, PADDING, dtype=np.int64), np.asarray([0, 1], dtype=np.int64))
        lengths = spellings.lengths[words]
        # shortest first; `rank` is the new row of each word
        order = np.argsort(lengths, kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        characters = spellings.padded(words[order], padding=PADDING)
        return Spellings(torch.from_numpy(characters), torch.from_numpy(lengths[order]), torch.from_numpy(rank[word]))


@final
@dataclass
class CharacterField(Field):
    """Characters of the string at each step.

    Args:
        column: Column with one string per step.
        min_count: Characters in fewer distinct training words become unknown.
        max_length: Longest word in characters; of longer ones only the first and last halves of it are kept, so that one URL
            does not widen a whole batch.
    """

    column: str = "tokens"
    min_count: int = 2
    max_length: int = 40
    vocabulary: Vocabulary = field(init=False, repr=False)

    def fit(self, columns: Columns) -> None:
        # each distinct word once, or frequent words would decide which characters are known
        counts = Counter(char for word in columns.strings(self.column).distinct for char in set(word))
        self.vocabulary = Vocabulary.from_counts(counts, min_count=self.min_count)

    def grow(self, earlier: Field) -> None:
        """Put the characters of the earlier field first."""
        assert isinstance(earlier, CharacterField)
        self.vocabulary = self.vocabulary.after(earlier.vocabulary)

    def encode(self, columns: Columns) -> EncodedSpellings:
        strings = columns.strings(self.column)
        # an empty word has no character to read, so it gets one that is unknown
        words = [self._shortened(word) or "\0" for word in strings.distinct]
        offsets = np.concatenate([[0], np.cumsum([len(word) for word in words])]).astype(np.int64)
        ids = self.vocabulary.ids("".join(words))
        return EncodedSpellings(strings.codes, spellings=Ragged(ids, offsets))

    def state(self) -> Mapping[str, Any]:
        return {"items": self.vocabulary.items}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        self.vocabulary = Vocabulary(state["items"])

    def _shortened(self, word: str) -> str:
        half = self.max_length // 2
        return word if len(word) <= self.max_length else word[: self.max_length - half] + word[len(word) - half :]
