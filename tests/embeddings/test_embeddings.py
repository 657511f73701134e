"""What each embedding computes, against the plain way to compute it."""

from pathlib import Path

import pytest
import torch
from torch import nn

from seqlab.data.fields import CategoryField, CharacterField, FramesField, VectorField
from seqlab.data.vocabulary import PADDING, UNKNOWN
from seqlab.embeddings import (
    CategoryEmbedding,
    CharCnnEmbedding,
    CharLstmEmbedding,
    Embedding,
    EmbeddingLayer,
    FrameEmbedding,
    VectorEmbedding,
)
from seqlab.errors import ConfigError
from seqlab.testing import labelled_columns
from seqlab.testing.records import batch_of, n_steps

ROWS = [0, 1, 2, 3, 4]


def batch(field: CategoryField | CharacterField | FramesField | VectorField, *rows: int) -> object:
    columns = labelled_columns()
    return batch_of([field], columns, rows=list(rows) or ROWS, lengths=n_steps(columns, column="tokens"))


def words(*, min_count: int = 1) -> CategoryField:
    field = CategoryField(column="tokens", view="lower", min_count=min_count)
    field.fit(labelled_columns())
    return field


def characters() -> CharacterField:
    field = CharacterField(column="tokens", min_count=1, max_length=20)
    field.fit(labelled_columns())
    return field


def test_category_gives_the_row_of_each_id() -> None:
    field = words()
    embedding = CategoryEmbedding(field=field, width=3, unknown_alpha=0.0)
    found = embedding(batch(field, 0))
    ids = field.vocabulary.ids(["ada", "saw", "kiel", "."]).tolist()
    assert torch.equal(found[0], embedding.table.weight[ids])


def test_rare_words_read_as_unknown_while_training_and_common_ones_less() -> None:
    field = words()
    embedding = CategoryEmbedding(field=field, width=3, unknown_alpha=1.0)
    unknown = embedding.table.weight[UNKNOWN]
    many = batch(field, *[3] * 1000)
    share = (embedding(many) == unknown).all(2).float().mean(0).tolist()
    n_times = {"ada": 2, "lovelace": 1, "saw": 2, "the": 1, "u.s.": 1, "!": 1}
    assert share == pytest.approx([1 / (n + 1) for n in n_times.values()], abs=0.06)
    embedding.eval()
    assert not (embedding(many) == unknown).all(2).any()


def test_a_share_below_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown_alpha is -1; expected 0"):
        CategoryEmbedding(field=words(), width=3, unknown_alpha=-1)


def test_char_cnn_equals_a_convolution_over_each_word_alone() -> None:
    field = characters()
    embedding = CharCnnEmbedding(field=field, char_width=3, n_filters=4, window=3, drop_prob=0.0)
    convolution = nn.Conv1d(3, 4, 3)
    with torch.no_grad():
        convolution.weight.copy_(embedding.filters.weight.view(4, 3, 3).transpose(1, 2))
        convolution.bias.copy_(embedding.filters.bias)
    found = embedding(batch(field))
    for record, tokens in enumerate(labelled_columns().lists("tokens")):
        for step, token in enumerate(tokens):
            ids = [PADDING, *field.vocabulary.ids(token).tolist(), PADDING]
            spelled = embedding.table(torch.tensor(ids))
            expected = convolution(spelled.T.unsqueeze(0)).amax(2)[0]
            torch.testing.assert_close(found[record, step], expected)


def test_char_lstm_equals_an_lstm_over_each_word_alone() -> None:
    field = characters()
    embedding = CharLstmEmbedding(field=field, char_width=3, width=4, drop_prob=0.0)
    found = embedding(batch(field))
    for record, tokens in enumerate(labelled_columns().lists("tokens")):
        for step, token in enumerate(tokens):
            spelled = embedding.table(torch.from_numpy(field.vocabulary.ids(token))).unsqueeze(0)
            forwards = embedding.forward_lstm(spelled)[0][0, -1]
            backwards = embedding.backward_lstm(spelled.flip(1))[0][0, -1]
            torch.testing.assert_close(found[record, step], torch.cat([forwards, backwards]))


def test_an_even_window_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"window is 4; expected an odd number"):
        CharCnnEmbedding(field=characters(), char_width=3, n_filters=4, window=4, drop_prob=0.0)


def test_frames_are_handed_on_or_projected() -> None:
    field = FramesField(column="frames")
    field.fit(labelled_columns())
    frames = batch(field)
    assert torch.equal(FrameEmbedding(field=field, width=None)(frames), frames.tensors(field))
    projected = FrameEmbedding(field=field, width=2)
    torch.testing.assert_close(projected(frames), projected.projection(frames.tensors(field)))


@pytest.fixture
def vectors(tmp_path: Path) -> VectorField:
    path = tmp_path / "vectors.txt"
    path.write_text("ada 1 2\nkiel 3 4\n", encoding="utf-8")
    field = VectorField(column="tokens", paths=[str(path)], fallback_view="lower")
    field.fit(labelled_columns())
    return field


def test_vectors_are_those_of_the_file_scaled_to_deviation_one(vectors: VectorField) -> None:
    embedding = VectorEmbedding(field=vectors, is_frozen=True, unknown_prob=0.0)
    found = embedding(batch(vectors, 0))[0]
    deviation = torch.tensor([1.0, 2.0, 3.0, 4.0]).std()
    torch.testing.assert_close(found[0], torch.tensor([1.0, 2.0]) / deviation)
    torch.testing.assert_close(found[2], torch.tensor([3.0, 4.0]) / deviation)


def test_words_without_a_vector_share_a_trainable_one(vectors: VectorField) -> None:
    embedding = VectorEmbedding(field=vectors, is_frozen=True, unknown_prob=0.0)
    with torch.no_grad():
        embedding.unknown.fill_(7.0)
    found = embedding(batch(vectors, 0))[0]
    assert found[1].tolist() == found[3].tolist() == [7.0, 7.0]
    assert 7.0 not in found[0].tolist()
    found.sum().backward()
    assert embedding.unknown.grad.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("is_frozen", [True, False])
def test_frozen_vectors_are_neither_trained_nor_saved(vectors: VectorField, is_frozen: bool) -> None:
    embedding = VectorEmbedding(field=vectors, is_frozen=is_frozen, unknown_prob=0.0)
    names = {"unknown"} if is_frozen else {"unknown", "matrix"}
    assert {name for name, _ in embedding.named_parameters()} == names
    assert set(embedding.state_dict()) == names


def test_tuning_vectors_leaves_the_field_as_it_was(vectors: VectorField) -> None:
    embedding = VectorEmbedding(field=vectors, is_frozen=False, unknown_prob=0.0)
    before = vectors.matrix.copy()
    with torch.no_grad():
        embedding.matrix.add_(1.0)
    assert (vectors.matrix == before).all()


def layer(**dropout: float) -> tuple[EmbeddingLayer, object]:
    field = words()
    torch.manual_seed(1)
    parts: dict[str, Embedding] = {
        "one": CategoryEmbedding(field=field, width=2, unknown_alpha=0.0),
        "two": CategoryEmbedding(field=field, width=3, unknown_alpha=0.0),
    }
    return EmbeddingLayer(parts=parts, dropout=dropout), batch(field)


def test_layer_puts_its_parts_side_by_side_in_order() -> None:
    embedding, records = layer()
    steps = embedding(records)
    assert embedding.output_width == 5
    assert steps.lengths.tolist() == [4, 1, 0, 6, 2]
    assert torch.equal(steps.values[..., :2], embedding.parts["one"](records))
    assert torch.equal(steps.values[..., 2:], embedding.parts["two"](records))


def test_layer_drops_what_its_dropouts_say_while_training() -> None:
    embedding, records = layer(step=0.5)
    is_dropped = embedding(records).values == 0
    assert is_dropped.any()
    assert torch.equal(is_dropped.any(2), is_dropped.all(2))
    embedding.eval()
    assert not (embedding(records).values[0] == 0).any()


def test_layer_without_parts_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"embedding\.parts is empty; choose at least one, as in embedding=\[words"):
        EmbeddingLayer(parts={}, dropout={})


def test_a_part_without_its_option_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"embedding.parts.words is \{'unknown_alpha': 1.0\}.*~embedding.parts.words"):
        EmbeddingLayer(parts={"words": {"unknown_alpha": 1.0}}, dropout={})


def test_a_part_that_misstates_its_width_is_refused() -> None:
    embedding, records = layer()
    part = next(iter(embedding.parts.values()))
    part.output_width += 1
    with pytest.raises(ConfigError, match=rf"gives vectors of {part.output_width - 1} features; expected {part.output_width}"):
        embedding(records)
