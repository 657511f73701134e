"""Ids of strings at each step: words, their shapes and affixes, tags of another layer, and words with pretrained vectors."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqlab.data.columns import Columns, Ragged
from seqlab.data.fields.base import EncodedColumn, Field
from seqlab.data.fields.word_views import get_view
from seqlab.data.pretrained.vectors import read_vectors
from seqlab.data.vocabulary import N_RESERVED, PADDING, Vocabulary

log = logging.getLogger(__name__)


@final
class EncodedIds(EncodedColumn):
    """One id per step or segment.

    Args:
        ids: The ids of each record.
        padding: Id at the end of short rows.
        is_per_step: Whether each step has an id; False: each segment or node has one.
    """

    def __init__(self, ids: Ragged, *, padding: int, is_per_step: bool = True) -> None:
        self.ids = ids
        self.padding = padding
        self.lengths = ids.lengths if is_per_step else None

    def collate(self, rows: Int[np.ndarray, " batch"]) -> Tensor:
        """Return ids (batch, time)."""
        return torch.from_numpy(self.ids.padded(rows, padding=self.padding))


@final
@dataclass
class CategoryField(Field):
    """Ids of strings, or of views of them such as a shape or a suffix.

    Args:
        column: Column with one string per step.
        view: Name of the view: ``identity``, ``lower``, ``shape``, ``suffix:3`` … (see `word_views`).
        min_count: Views that occur less often in training become unknown.
    """

    column: str = "tokens"
    view: str = "identity"
    min_count: int = 1
    vocabulary: Vocabulary = field(init=False, repr=False)
    counts: list[int] = field(init=False, repr=False)
    """Occurrences in training of each item of the vocabulary."""

    def fit(self, columns: Columns) -> None:
        # several strings may have the same view
        view, counts = get_view(self.view), Counter[str]()
        for string, n in columns.strings(self.column).frequencies.items():
            counts[view(string)] += n
        self.vocabulary = Vocabulary.from_counts(counts, min_count=self.min_count)
        self.counts = [counts[item] for item in self.vocabulary.items]

    def grow(self, earlier: Field) -> None:
        """Put the items of the earlier field first, and add up the counts."""
        assert isinstance(earlier, CategoryField)
        counts = Counter(dict(zip(self.vocabulary.items, self.counts, strict=True)))
        counts.update(dict(zip(earlier.vocabulary.items, earlier.counts, strict=True)))
        self.vocabulary = self.vocabulary.after(earlier.vocabulary)
        self.counts = [counts[item] for item in self.vocabulary.items]

    def encode(self, columns: Columns) -> EncodedIds:
        strings, view = columns.strings(self.column), get_view(self.view)
        ids = self.vocabulary.ids(list(map(view, strings.distinct)))
        return EncodedIds(strings.mapped(ids), padding=PADDING)

    def state(self) -> Mapping[str, Any]:
        return {"items": self.vocabulary.items, "counts": self.counts}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        self.vocabulary = Vocabulary(state["items"])
        self.counts = list(state["counts"])


@final
@dataclass
class VectorField(Field):
    """Ids of words in files of word vectors.

    Args:
        column: Column with one word per step.
        paths: GloVe, word2vec or fastText files, which may be compressed (gzip, bzip2, xz); the first vector of a word counts.
        fallback_view: View (see `word_views`) to look up words that are not in the files, such as ``lower``.
    """

    column: str = "tokens"
    paths: list[str] = field(default_factory=list)
    fallback_view: str = "lower"
    vocabulary: Vocabulary = field(init=False, repr=False)
    matrix: Float[np.ndarray, "word feature"] = field(init=False, repr=False)
    """Vectors by id; the rows of padding and unknown are zero."""

    @property
    def origin(self) -> str:
        return f"word vectors: {', '.join(self.paths)}, licence not stated"

    def fit(self, columns: Columns) -> None:
        """Read the files, and log their coverage of the training records."""
        vectors = read_vectors([Path(path) for path in self.paths])
        self.vocabulary = Vocabulary(vectors.words)
        reserved = np.zeros((N_RESERVED, vectors.matrix.shape[1]), dtype=np.float32)
        self.matrix = np.concatenate([reserved, vectors.matrix])
        strings = columns.strings(self.column)
        # weighted by occurrences below: the share of tokens says more than that of words
        is_known = self._ids(strings.distinct) >= N_RESERVED
        share = strings.counts[is_known].sum() / max(1, strings.counts.sum())
        log.info("pretrained vectors cover %.1f %% of the training tokens", 100 * share)

    def encode(self, columns: Columns) -> EncodedIds:
        strings = columns.strings(self.column)
        return EncodedIds(strings.mapped(self._ids(strings.distinct)), padding=PADDING)

    def state(self) -> Mapping[str, Any]:
        return {"items": self.vocabulary.items}

    def arrays(self) -> Mapping[str, np.ndarray]:
        return {"matrix": self.matrix}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        self.vocabulary = Vocabulary(state["items"])
        self.matrix = arrays["matrix"]

    def _ids(self, words: list[str]) -> np.ndarray:
        view = get_view(self.fallback_view)
        return self.vocabulary.ids([word if word in self.vocabulary else view(word) for word in words])
