"""Categories of steps, such as words, their shapes and affixes, or tags of another layer."""

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
from seqlab.data.fields.word_views import get_view
from seqlab.data.vocabulary import PADDING, Vocabulary


@final
class EncodedIds(EncodedColumn):
    """One id per step or segment; `padding` fills short rows."""

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

    column: str
    view: str
    min_count: int
    vocabulary: Vocabulary = field(init=False, repr=False)
    counts: list[int] = field(init=False, repr=False)
    """Occurrences in training of each item of the vocabulary."""

    def fit(self, columns: Columns) -> None:
        view, counts = get_view(self.view), Counter[str]()
        for string, n in columns.strings(self.column).frequencies.items():
            counts[view(string)] += n
        self.vocabulary = Vocabulary.from_counts(counts, min_count=self.min_count)
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
