"""Every built-in field keeps the contract."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from seqlab.data.columns import Columns
from seqlab.data.fields import (
    CategoryField,
    CharacterField,
    Field,
    FramesField,
    LabelField,
    LabelledSpans,
    LabelSequenceField,
    LabelSequences,
    MultiLabelField,
    SegmentBounds,
    SegmentBoundsField,
    SegmentLabelField,
    SpanField,
    Spellings,
    TagField,
    TaughtTagField,
    TaughtTags,
    Tensors,
    VectorField,
)
from seqlab.testing import FieldContract
from seqlab.testing.records import taught_columns


class TestWordField(FieldContract):
    def make(self) -> Field:
        return CategoryField(column="tokens", view="lower", min_count=1)


class TestShapeField(FieldContract):
    def make(self) -> Field:
        return CategoryField(column="tokens", view="shape", min_count=2)


class TestCharacterField(FieldContract):
    def make(self) -> Field:
        return CharacterField(column="tokens", min_count=1, max_length=20)

    def record(self, tensors: Tensors, i: int, n_steps: int | None) -> Tensor:
        """The characters of each step in a row, apart by -1."""
        assert isinstance(tensors, Spellings)
        border = torch.tensor([-1])
        words = [[tensors.characters[w, : tensors.lengths[w]], border] for w in tensors.word[i, :n_steps].tolist()]
        return torch.cat([border, *(part for word in words for part in word)])


class TestFramesField(FieldContract):
    def make(self) -> Field:
        return FramesField(column="frames")


class TestTaughtTagField(FieldContract):
    def make(self) -> Field:
        return TaughtTagField(column="tags", scheme="BIO", teacher_column="teacher", weight=0.5, temperature=2.0)

    def columns(self) -> Columns:
        return taught_columns(super().columns())

    def unseen_columns(self) -> Columns:
        return taught_columns(super().unseen_columns())

    def record(self, tensors: Tensors, i: int, n_steps: int | None) -> Tensor:
        """Tag and probabilities of each step."""
        assert isinstance(tensors, TaughtTags)
        return torch.cat([tensors.tags[i, :n_steps, None], tensors.probs[i, :n_steps]], dim=1)


class TestSpanTagField(FieldContract):
    def make(self) -> Field:
        return TagField(column="tags", scheme="BIO")


class TestPlainTagField(FieldContract):
    def make(self) -> Field:
        return TagField(column="upos", scheme=None)


class TestLabelField(FieldContract):
    def make(self) -> Field:
        return LabelField(column="label")


class TestMultiLabelField(FieldContract):
    def make(self) -> Field:
        return MultiLabelField(column="topics")


class TestLabelSequenceField(FieldContract):
    def make(self) -> Field:
        return LabelSequenceField(column="labels", alternatives=None)

    def record(self, tensors: Tensors, i: int, n_steps: int | None) -> Tensor:
        assert isinstance(tensors, LabelSequences)
        assert n_steps is None, "labels without positions say nothing of the number of steps"
        return tensors.labels[i, : tensors.n_labels[i]]


@pytest.fixture
def _vectors(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("ada 1 2\nzürich 3 4\nsaw 5 6\n", encoding="utf-8")
    request.instance.path = path


@pytest.mark.usefixtures("_vectors")
class TestVectorField(FieldContract):
    path: Path

    def make(self) -> Field:
        return VectorField(column="tokens", paths=[str(self.path)], fallback_view="lower")


class TestSegmentBoundsField(FieldContract):
    def make(self) -> Field:
        return SegmentBoundsField(column="segments", scheme=None)

    def record(self, tensors: Tensors, i: int, n_steps: int | None) -> Tensor:
        assert isinstance(tensors, SegmentBounds)
        return torch.stack([tensors.starts[i], tensors.ends[i]])[:, : int(tensors.counts[i])]


class TestSegmentLabelField(FieldContract):
    def make(self) -> Field:
        return SegmentLabelField(column="segments", scheme=None)

    def record(self, tensors: Tensors, i: int, n_steps: int | None) -> Tensor:
        """Labels of a record's segments, without the padding of its batch, which `NO_TARGET` looks like."""
        assert isinstance(tensors, Tensor)
        return tensors[i][tensors[i] >= 0]


class TestSpanField(FieldContract):
    def make(self) -> Field:
        return SpanField(column="segments", scheme=None)

    def record(self, tensors: Tensors, i: int, n_steps: int | None) -> Tensor:
        """Start, end and label of a record's spans."""
        assert isinstance(tensors, LabelledSpans)
        columns = [tensors.bounds.starts[i], tensors.bounds.ends[i], tensors.labels[i]]
        return torch.stack(columns)[:, : int(tensors.bounds.counts[i])]
