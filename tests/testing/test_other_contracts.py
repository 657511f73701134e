"""The contracts of embeddings, fields, heads and readers find faults planted in sound parts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from seqlab.data.fields import CategoryField, Field, TagField
from seqlab.data.readers import ConllReader, Reader
from seqlab.embeddings import CategoryEmbedding, Embedding
from seqlab.heads import Head, SoftmaxTokenHead
from seqlab.testing import EmbeddingContract, FieldContract, ReaderContract, TokenHeadContract, labelled_columns

PLAIN: dict[str, Any] = {"class_weights": {}, "label_smoothing": 0.0, "focal_gamma": 0.0}


class Words(EmbeddingContract):
    def field(self) -> Field:
        return CategoryField(column="tokens", view="lower", min_count=1)

    def make(self, field: Field) -> Embedding:
        return CategoryEmbedding(field=field, width=4, unknown_alpha=0.5)


class Tags(TokenHeadContract):
    def target(self) -> Field:
        return TagField(column="upos", scheme=None)

    def make(self, target: Field, *, input_width: int, summary_width: int) -> Head:
        return SoftmaxTokenHead(
            target=target, input_width=input_width, summary_width=summary_width, is_constrained=False, **PLAIN
        )


class Categories(FieldContract):
    def make(self) -> Field:
        return CategoryField(column="tokens", view="lower", min_count=1)


class Columns(ReaderContract):
    def make(self) -> Reader:
        return ConllReader(
            columns={"tokens": 0, "tags": 1},
            separator="auto",
            skip_docstart=True,
            comment_prefix=None,
            scheme=None,
            target_scheme=None,
        )

    def write_sound(self, folder: Path) -> Path:
        (folder / "sound.conll").write_text("a O\nb B-X\n\nc O\n")
        return folder / "sound.conll"

    def expected(self) -> list[dict[str, Any]]:
        return [{"tokens": ["a", "b"], "tags": ["O", "B-X"]}, {"tokens": ["c"], "tags": ["O"]}]

    def write_damaged(self, folder: Path) -> tuple[Path, int]:
        (folder / "damaged.conll").write_text("a O\nb\n")
        return folder / "damaged.conll", 2


@contextmanager
def patched(owner: type, name: str, fault: Any) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        sound = getattr(owner, name)
        patch.setattr(owner, name, lambda self, *args, **options: fault(sound, self, *args, **options))
        yield


def mates(sound: Any, self: Any, batch: Any) -> torch.Tensor:
    values = sound(self, batch)
    return values + len(batch)


def drops_the_last(sound: Any, self: Any, steps: Any, batch: Any, *, use_confidences: bool) -> Any:
    predictions = sound(self, steps, batch, use_confidences=use_confidences)
    return [type(p)(labels=p.labels[:-1], confidences=p.confidences[:-1]) for p in predictions]


def sums(sound: Any, self: Any, steps: Any, batch: Any) -> torch.Tensor:
    return sound(self, steps, batch) * len(batch)


def forgets(sound: Any, self: Any, state: Any, arrays: Any) -> None:
    self.fit(labelled_columns())
    self.vocabulary = type(self.vocabulary)(["another"])


def loses_a_record(sound: Any, self: Any, path: Any) -> Any:
    records = sound(self, path)
    return records.select(range(len(records) - 1))


@pytest.mark.parametrize(
    ("contract", "owner", "name", "fault", "promise"),
    [
        (Words, CategoryEmbedding, "forward", mates, "test_batch_equals_singles"),
        (Tags, SoftmaxTokenHead, "predict", drops_the_last, "test_predictions_fit_their_records"),
        (Tags, SoftmaxTokenHead, "loss", sums, "test_loss_is_a_mean"),
        (Categories, CategoryField, "restore", forgets, "test_state_restores_through_json"),
        (Columns, ConllReader, "read", loses_a_record, "test_records_are_as_written"),
    ],
)
def test_a_planted_fault_is_found(contract: type, owner: type, name: str, fault: Any, promise: str, tmp_path: Path) -> None:
    given = [tmp_path] if contract is Columns else []  # contracts of readers write files
    getattr(contract(), promise)(*given)
    with patched(owner, name, fault), pytest.raises(AssertionError):
        getattr(contract(), promise)(*given)
