"""Characters of words: spelled once per distinct word of a batch, however often it occurs."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from seqlab.data.columns import Columns, Ragged
from seqlab.data.fields.base import EncodedColumn, Field
from seqlab.data.vocabulary import PADDING, Vocabulary


@dataclass(frozen=True)
class Spellings:
    """The distinct words of a batch, and which of them stands at each step.

    Words come sorted by length, shortest first, so that a component may cut them into groups that need little padding.
    """

    characters: Int[Tensor, "word char"]
    lengths: Int[Tensor, " word"]
    word: Int[Tensor, "batch time"]
    """Row of `characters` at each step; padding steps point at row 0."""

    def to(self, device: torch.device) -> "Spellings":
        """Return the same on `device`."""
        return Spellings(self.characters.to(device), self.lengths.to(device), self.word.to(device))


@final
class EncodedSpellings(EncodedColumn):
    """Which distinct word stands at each step, and how each is spelled."""

    def __init__(self, words: Ragged, *, spellings: Ragged) -> None:
        self.words = words
        self.spellings = spellings
        self.lengths = words.lengths

    def collate(self, rows: Int[np.ndarray, " batch"]) -> Spellings:
        """Return the spellings of the distinct words of `rows`."""
        codes = self.words.padded(rows, padding=-1)
        distinct, position = np.unique(codes, return_inverse=True)
        has_padding = int(distinct[0] == -1)
        words = distinct[has_padding:] if len(distinct) > has_padding else np.zeros(1, dtype=codes.dtype)
        lengths = self.spellings.lengths[words] if len(self.spellings.lengths) else np.ones(1, dtype=np.int64)
        order = np.argsort(lengths, kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        word = rank[np.maximum(position.reshape(codes.shape) - has_padding, 0)]
        characters = self._padded(words[order])
        return Spellings(torch.from_numpy(characters), torch.from_numpy(lengths[order]), torch.from_numpy(word))

    def _padded(self, words: Int[np.ndarray, " word"]) -> Int[np.ndarray, "word char"]:
        if not len(self.spellings.lengths):
            return np.full((1, 1), PADDING, dtype=np.int64)
        return self.spellings.padded(words, padding=PADDING)


@final
@dataclass
class CharacterField(Field):
    """The characters of each step's string."""

    column: str
    min_count: int
    """Characters seen in fewer distinct training words share the id of unknown ones."""
    max_length: int
    """Of longer strings the first and last `max_length / 2` characters are kept: a URL must not set the width of a batch."""
    vocabulary: Vocabulary = field(init=False, repr=False)

    def fit(self, columns: Columns) -> None:
        """Count the characters of the distinct training words."""
        counts = Counter(char for word in columns.strings(self.column).distinct for char in set(word))
        self.vocabulary = Vocabulary.from_counts(counts, min_count=self.min_count)

    def encode(self, columns: Columns) -> EncodedSpellings:
        """Return the distinct words' spellings and the word of every step; the empty string is one unknown character."""
        strings = columns.strings(self.column)
        words = [self._shortened(word) or "\0" for word in strings.distinct]
        offsets = np.concatenate([[0], np.cumsum([len(word) for word in words])]).astype(np.int64)
        ids = self.vocabulary.ids("".join(words))
        return EncodedSpellings(strings.codes, spellings=Ragged(ids, offsets))

    def state(self) -> Mapping[str, Any]:
        """Return the characters."""
        return {"items": self.vocabulary.items}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take over the characters."""
        self.vocabulary = Vocabulary(state["items"])

    def _shortened(self, word: str) -> str:
        half = self.max_length // 2
        return word if len(word) <= self.max_length else word[: self.max_length - half] + word[len(word) - half :]
