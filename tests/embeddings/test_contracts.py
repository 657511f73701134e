"""Every built-in embedding keeps the contract."""

from pathlib import Path

import numpy as np
import pytest

from seqlab.data.fields import CategoryField, CharacterField, Field, FramesField, VectorField
from seqlab.embeddings import (
    CategoryEmbedding,
    CharCnnEmbedding,
    CharLstmEmbedding,
    Embedding,
    FrameEmbedding,
    VectorEmbedding,
)
from seqlab.testing import EmbeddingContract


class TestCategoryEmbedding(EmbeddingContract):
    def field(self) -> Field:
        return CategoryField(column="tokens", view="lower", min_count=1)

    def make(self, field: Field) -> Embedding:
        return CategoryEmbedding(field=field, width=4, unknown_alpha=0.5)


class TestCharCnnEmbedding(EmbeddingContract):
    def field(self) -> Field:
        return CharacterField(column="tokens", min_count=1, max_length=20)

    def make(self, field: Field) -> Embedding:
        return CharCnnEmbedding(field=field, char_width=3, n_filters=4, window=3, drop_prob=0.5)


class TestWideCharCnnEmbedding(TestCharCnnEmbedding):
    def make(self, field: Field) -> Embedding:
        return CharCnnEmbedding(field=field, char_width=3, n_filters=4, window=7, drop_prob=0.0)


class TestCharLstmEmbedding(EmbeddingContract):
    def field(self) -> Field:
        return CharacterField(column="tokens", min_count=1, max_length=20)

    def make(self, field: Field) -> Embedding:
        return CharLstmEmbedding(field=field, char_width=3, width=4, drop_prob=0.5)


class TestFrameEmbedding(EmbeddingContract):
    def field(self) -> Field:
        return FramesField(column="frames")

    def make(self, field: Field) -> Embedding:
        return FrameEmbedding(field=field, width=None)


class TestProjectedFrameEmbedding(TestFrameEmbedding):
    def make(self, field: Field) -> Embedding:
        return FrameEmbedding(field=field, width=4)


@pytest.fixture
def _vectors(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    words = ["ada", "saw", "kiel", "zürich"]
    rows = np.random.default_rng(0).normal(size=(len(words), 3))
    lines = [f"{word} {' '.join(f'{value:.4f}' for value in row)}" for word, row in zip(words, rows, strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    request.instance.path = path


@pytest.mark.usefixtures("_vectors")
class TestFrozenVectorEmbedding(EmbeddingContract):
    path: Path

    def field(self) -> Field:
        return VectorField(column="tokens", paths=[str(self.path)], fallback_view="lower")

    def make(self, field: Field) -> Embedding:
        return VectorEmbedding(field=field, is_frozen=True, unknown_prob=0.5)


class TestTunedVectorEmbedding(TestFrozenVectorEmbedding):
    def make(self, field: Field) -> Embedding:
        return VectorEmbedding(field=field, is_frozen=False, unknown_prob=0.5)
