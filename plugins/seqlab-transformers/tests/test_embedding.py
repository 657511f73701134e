"""The embedding compared with a single pass of transformers over the same words."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import torch
from seqlab_transformers import SubwordField, TransformerEmbedding
from torch import Tensor
from transformers import AutoModel

from seqlab.data.columns import Columns
from seqlab.data.fields import Field
from seqlab.data.records import records_from_columns
from seqlab.embeddings import Embedding
from seqlab.errors import ConfigError
from seqlab.steps import Steps
from seqlab.testing import EmbeddingContract
from seqlab.testing.comparing import gradients, probe, seeded
from seqlab.testing.records import batch_of, n_steps

ModelFolder = Callable[[str], Path]
SHORT = ["Maria", "Lindqvist", "flew", "to", "Oslo", "."]
LONG = [*SHORT, "unbelievably", "Harbour", "of", *SHORT, "Kellstone", "Systems", *SHORT, "x" * 50, "again", "Ærø"]
OPTIONS: dict[str, Any] = {"is_frozen": False, "pooling": "mean", "layers": [-1], "use_layer_mix": True}


def field_of(folder: Path, *, window: int | None = None, overlap: int = 8) -> SubwordField:
    return SubwordField(column="tokens", name=str(folder), revision=None, window=window, overlap=overlap)


def embedding_of(folder: Path, *, window: int | None = None, overlap: int = 8, **options: Any) -> TransformerEmbedding:
    field = field_of(folder, window=window, overlap=overlap)
    field.fit(columns(SHORT))
    return seeded(lambda: TransformerEmbedding(field=field, **{**OPTIONS, **options}))


def columns(*rows: list[str]) -> Columns:
    return Columns(records_from_columns({"tokens": list(rows)}))


def embedded(embedding: TransformerEmbedding, *rows: list[str]) -> Tensor:
    given = columns(*rows)
    return embedding(batch_of([embedding.field], given, rows=list(range(len(rows))), lengths=n_steps(given, column="tokens")))


def word_ids(embedding: TransformerEmbedding, words: list[str]) -> list[list[int]]:
    encoded = embedding.field.tokenizer.ids(words)
    return [encoded.values[encoded.offsets[i] : encoded.offsets[i + 1]].tolist() for i in range(len(words))]


def states_of(folder: Path, embedding: TransformerEmbedding, ids: list[int]) -> Tensor:
    """Return the states (layer, subword, feature) that transformers computes for `ids` between special subwords."""
    tokenizer, model = embedding.field.tokenizer, AutoModel.from_pretrained(folder).eval()
    encoder = model.get_encoder() if model.config.is_encoder_decoder else model
    whole = torch.tensor([[*tokenizer.before, *ids, *tokenizer.after]])
    with torch.no_grad():
        states = torch.cat(encoder(input_ids=whole, output_hidden_states=True).hidden_states)
    return states[:, len(tokenizer.before) : whole.shape[1] - len(tokenizer.after)]


class _Contract(EmbeddingContract):
    kind = "bert"
    window: int | None = None
    options: Mapping[str, Any] = MappingProxyType({})

    @pytest.fixture(autouse=True)
    def _model(self, model_folder: ModelFolder) -> None:
        self.folder = model_folder(self.kind)

    def field(self) -> Field:
        return field_of(self.folder, window=self.window, overlap=3)

    def make(self, field: Field) -> Embedding:
        assert isinstance(field, SubwordField)
        return TransformerEmbedding(field=field, **{**OPTIONS, **self.options})


class TestTunedBert(_Contract):
    pass


class TestFrozenBertMixed(_Contract):
    options = MappingProxyType({"is_frozen": True, "layers": None, "pooling": "first"})


class TestRobertaInWindows(_Contract):
    kind = "roberta"
    window = 8
    options = MappingProxyType({"pooling": "last"})


class TestGpt2InWindows(_Contract):
    kind = "gpt2"
    window = 9
    options = MappingProxyType({"layers": [0, -1], "use_layer_mix": False})


class TestT5(_Contract):
    kind = "t5"


@pytest.mark.parametrize("pooling", ["first", "mean", "last"])
@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt2", "t5"])
def test_a_word_has_the_vectors_of_its_subwords(model_folder: ModelFolder, kind: str, pooling: str) -> None:
    words = SHORT[:4] if kind == "gpt2" else SHORT  # its subwords are bytes, and it reads 32 at most
    embedding = embedding_of(model_folder(kind), pooling=pooling)
    ids = word_ids(embedding, words)
    assert max(map(len, ids)) > 1
    assert sum(map(len, ids)) <= 30
    states = states_of(model_folder(kind), embedding, [i for word in ids for i in word])[-1].split([len(word) for word in ids])
    pooled = {"first": lambda part: part[0], "mean": lambda part: part.mean(0), "last": lambda part: part[-1]}[pooling]
    torch.testing.assert_close(
        embedded(embedding, words)[0], torch.stack([pooled(part) for part in states]), rtol=1e-5, atol=1e-5
    )


def test_layers_are_mixed_as_learned(model_folder: ModelFolder) -> None:
    embedding = embedding_of(model_folder("bert"), layers=None, pooling="first")
    with torch.no_grad():
        embedding.combination.weights.copy_(torch.tensor([0.5, -1.0, 2.0]))
        embedding.combination.gain.fill_(3.0)
    ids = word_ids(embedding, ["to", "Oslo"])
    states = states_of(model_folder("bert"), embedding, [i for word in ids for i in word])
    weights = torch.tensor([0.5, -1.0, 2.0]).softmax(0)
    expected = 3 * sum(weight * state for weight, state in zip(weights, states, strict=True))
    found = embedded(embedding, ["to", "Oslo"])[0]
    torch.testing.assert_close(found, expected[[0, len(ids[0])]], rtol=1e-5, atol=1e-5)
    assert embedding.output_width == 24


def test_layers_are_concatenated(model_folder: ModelFolder) -> None:
    embedding = embedding_of(model_folder("gpt2"), layers=[2, 0], use_layer_mix=False, pooling="last")
    ids = word_ids(embedding, ["to"])
    states = states_of(model_folder("gpt2"), embedding, ids[0])[:, -1]
    torch.testing.assert_close(embedded(embedding, ["to"])[0, 0], torch.cat([states[2], states[0]]), rtol=1e-5, atol=1e-5)
    assert embedding.output_width == 48
    assert not list(embedding.combination.parameters())


@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt2"])
def test_a_long_record_is_read_in_windows_without_loss(model_folder: ModelFolder, kind: str) -> None:
    """Each subword has the vector of a pass over the window that shows most of its context."""
    embedding = embedding_of(model_folder(kind), overlap=10)
    ids, room = word_ids(embedding, LONG), embedding.field.room
    flat = [i for word in ids for i in word]
    assert room is not None
    assert len(flat) > 3 * room
    starts = sorted({*range(0, len(flat) - room, room - 10), len(flat) - room})
    states = [states_of(model_folder(kind), embedding, flat[start : start + room])[-1] for start in starts]
    rows = []
    for place in range(len(flat)):

        def around(window: int, place: int = place) -> float:
            before = place - starts[window] if window else len(flat)
            behind = starts[window] + room - 1 - place if window < len(starts) - 1 else len(flat)
            return min(before, behind)

        best = max(range(len(starts)), key=around)
        other = max((w for w in range(len(starts)) if w != best), key=around)
        rows.append(None if around(best) == around(other) else states[best][place - starts[best]])
    parts = [[rows.pop(0) for _ in word] for word in ids]
    found = embedded(embedding, LONG)[0]
    n_compared = 0
    for vector, part in zip(found, parts, strict=True):
        if all(row is not None for row in part):
            torch.testing.assert_close(vector, torch.stack(part).mean(0), rtol=1e-5, atol=1e-5)
            n_compared += 1
    assert n_compared > len(LONG) - 6
    assert len(found) == len(LONG)


def test_records_that_fit_are_read_at_once(model_folder: ModelFolder) -> None:
    wide, narrow = (embedding_of(model_folder("bert"), window=window) for window in (None, 26))
    assert sum(map(len, word_ids(wide, SHORT))) <= 24
    assert torch.equal(embedded(wide, SHORT), embedded(narrow, SHORT))
    assert not torch.allclose(embedded(wide, SHORT), embedded(embedding_of(model_folder("bert"), window=12), SHORT))


@pytest.mark.parametrize("kind", ["roberta", "gpt2"])
def test_a_word_longer_than_a_window_has_a_vector(model_folder: ModelFolder, kind: str) -> None:
    embedding = embedding_of(model_folder(kind))
    word = "abcdefghij" * 20
    (ids,) = word_ids(embedding, [word])
    assert len(ids) > 64
    found = embedded(embedding, ["to", word, "Oslo"])
    assert found.shape == (1, 3, 24)
    assert bool(found.isfinite().all())


def test_a_frozen_model_has_no_gradients_and_no_dropout(model_folder: ModelFolder) -> None:
    embedding = embedding_of(model_folder("bert"), is_frozen=True, layers=None)
    expected = embedded(embedding, SHORT).detach()
    embedding.train()
    assert embedding.training
    assert not any(module.training for module in embedding.model.modules())
    found = embedded(embedding, SHORT)
    assert torch.equal(found.detach(), expected)
    learned = gradients(embedding, probe(Steps(found, torch.tensor([len(SHORT)]))))
    assert set(learned) == {"combination.weights", "combination.gain"}
    assert all(gradient is not None and bool(gradient.any()) for gradient in learned.values())


def test_a_tuned_model_has_dropout_only_in_training(model_folder: ModelFolder) -> None:
    embedding = embedding_of(model_folder("bert"))
    expected = embedded(embedding, SHORT)
    embedding.train()
    assert not torch.allclose(embedded(embedding, SHORT), expected)
    embedding.eval()
    assert torch.equal(embedded(embedding, SHORT), expected)


def test_the_pooler_is_removed(model_folder: ModelFolder) -> None:
    assert hasattr(AutoModel.from_pretrained(model_folder("bert")).pooler, "dense")
    assert not [name for name, _ in embedding_of(model_folder("bert")).named_parameters() if "pooler" in name]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "middle"}, r"pooling is 'middle'; expected one of first, mean, last"),
        ({"layers": [3]}, r"layers is \[3\]; expected distinct numbers from 0 .* to 2 .*, or from -3 to -1"),
        ({"layers": [-1, 2]}, r"layers is \[-1, 2\]; expected distinct numbers"),
        ({"layers": []}, r"layers is \[\]; expected distinct numbers"),
    ],
)
def test_invalid_options_are_refused(model_folder: ModelFolder, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        embedding_of(model_folder("bert"), **options)
