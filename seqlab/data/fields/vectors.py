"""Words of a file of pretrained vectors: every one of them keeps its id, whether training saw it or not."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
from jaxtyping import Float

from seqlab.data.columns import Columns, Ragged
from seqlab.data.fields.base import Field
from seqlab.data.fields.categories import EncodedIds
from seqlab.data.fields.word_views import get_view
from seqlab.data.pretrained.vectors import read_vectors
from seqlab.data.vocabulary import N_RESERVED, PADDING, Vocabulary

log = logging.getLogger(__name__)


@final
@dataclass
class VectorField(Field):
    """Ids of words in files of word vectors; a word that is not there as written is looked up by `fallback_view`."""

    column: str
    paths: list[str]
    """GloVe, word2vec or fastText files, gzip too; of a word in several files the first counts."""
    fallback_view: str
    vocabulary: Vocabulary = field(init=False, repr=False)
    matrix: Float[np.ndarray, "word feature"] = field(init=False, repr=False)
    """Vectors by id; the rows of padding and unknown words are zero."""

    def fit(self, columns: Columns) -> None:
        """Read the files, and say how many of the training words they hold."""
        vectors = read_vectors([Path(path) for path in self.paths])
        self.vocabulary = Vocabulary(vectors.words)
        reserved = np.zeros((N_RESERVED, vectors.matrix.shape[1]), dtype=np.float32)
        self.matrix = np.concatenate([reserved, vectors.matrix])
        strings = columns.strings(self.column)
        is_known = self._ids(strings.distinct) >= N_RESERVED
        share = strings.counts[is_known].sum() / max(1, strings.counts.sum())
        log.info("pretrained vectors hold %.1f %% of the training tokens", 100 * share)

    def encode(self, columns: Columns) -> EncodedIds:
        """Return the id of every step's word."""
        strings = columns.strings(self.column)
        ids = self._ids(strings.distinct)
        return EncodedIds(Ragged(ids[strings.codes.values], strings.codes.offsets), padding=PADDING)

    def state(self) -> Mapping[str, Any]:
        """Return the words."""
        return {"items": self.vocabulary.items}

    def arrays(self) -> Mapping[str, np.ndarray]:
        """Return the vectors."""
        return {"matrix": self.matrix}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take over words and vectors."""
        self.vocabulary = Vocabulary(state["items"])
        self.matrix = arrays["matrix"]

    def _ids(self, words: list[str]) -> np.ndarray:
        view = get_view(self.fallback_view)
        return self.vocabulary.ids([word if word in self.vocabulary else view(word) for word in words])
