"""Categories of steps: words, their shapes and affixes, tags of another layer: one id a step."""

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
    """One id a step, or a segment; `padding` fills short rows."""

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
    """Ids of what `view` shows of each string: the string itself, lower-cased, its shape, a suffix … (`word_views`)."""

    column: str
    view: str
    min_count: int
    """Strings seen less often in training share the id of unknown ones."""
    vocabulary: Vocabulary = field(init=False, repr=False)
    counts: list[int] = field(init=False, repr=False)
    """How often training has each item of the vocabulary."""

    def fit(self, columns: Columns) -> None:
        """Count the views of the training records."""
        strings = columns.strings(self.column)
        counts: dict[str, int] = {}
        for view, n in zip(self._views(strings.distinct), strings.counts.tolist(), strict=True):
            counts[view] = counts.get(view, 0) + n
        self.vocabulary = Vocabulary.from_counts(counts, min_count=self.min_count)
        self.counts = [counts[item] for item in self.vocabulary.items]

    def encode(self, columns: Columns) -> EncodedIds:
        """Return the id of every step."""
        strings = columns.strings(self.column)
        ids = self.vocabulary.ids(self._views(strings.distinct))
        return EncodedIds(Ragged(ids[strings.codes.values], strings.codes.offsets), padding=PADDING)

    def state(self) -> Mapping[str, Any]:
        """Return the vocabulary with its counts."""
        return {"items": self.vocabulary.items, "counts": self.counts}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take over a vocabulary."""
        self.vocabulary = Vocabulary(state["items"])
        self.counts = list(state["counts"])

    def _views(self, strings: list[str]) -> list[str]:
        view = get_view(self.view)
        return [view(string) for string in strings]
