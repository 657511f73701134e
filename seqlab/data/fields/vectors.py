"""Words with pretrained vectors; all words of the files are known, whether or not they occur in training."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
from jaxtyping import Float

from seqlab.data.columns import Columns
from seqlab.data.fields.base import Field
from seqlab.data.fields.categories import EncodedIds
from seqlab.data.fields.word_views import get_view
from seqlab.data.pretrained.vectors import read_vectors
from seqlab.data.vocabulary import N_RESERVED, PADDING, Vocabulary

log = logging.getLogger(__name__)


@final
@dataclass
class VectorField(Field):
    """Ids of words in files of word vectors.

    Args:
        column: Column with one word per step.
        paths: GloVe, word2vec or fastText files, which may be gzipped; the first vector of a word counts.
        fallback_view: View (see `word_views`) to look up words that are not in the files, such as ``lower``.
    """

    column: str
    paths: list[str]
    fallback_view: str
    vocabulary: Vocabulary = field(init=False, repr=False)
    matrix: Float[np.ndarray, "word feature"] = field(init=False, repr=False)
    """Vectors by id; the rows of padding and unknown are zero."""

    def fit(self, columns: Columns) -> None:
        """Read the files, and log their coverage of the training records."""
        vectors = read_vectors([Path(path) for path in self.paths])
        self.vocabulary = Vocabulary(vectors.words)
        reserved = np.zeros((N_RESERVED, vectors.matrix.shape[1]), dtype=np.float32)
        self.matrix = np.concatenate([reserved, vectors.matrix])
        strings = columns.strings(self.column)
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
