"""Static subword embeddings: means of pieces, files of Model2Vec and WordLlama, errors, bundles."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor

from seqlab.config.build import known_targets
from seqlab.config.compose import MODEL_GROUPS
from seqlab.data.batch import EncodedRecords
from seqlab.data.columns import string_records
from seqlab.data.fields import StaticSubwordField
from seqlab.data.fields.registry import Fields
from seqlab.embeddings import EmbeddingLayer, StaticSubwordEmbedding
from seqlab.errors import ConfigError

SUBWORDS = {"[UNK]": 0, "a": 1, "##b": 2, "c": 3}
TABLE = torch.tensor([[9.0, 9.0], [1.0, 0.0], [3.0, 4.0], [0.0, 2.0]])


def write(folder: Path, tensors: dict[str, Tensor], *, name: str = "tokenizer.json") -> Path:
    folder.mkdir(exist_ok=True)
    tokenizer = Tokenizer(models.WordPiece(SUBWORDS, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_truncation(2)
    tokenizer.save(str(folder / name))
    save_file(tensors, folder / "model.safetensors")
    return folder


def embedded(folder: Path | str, records: list[list[str]], *, is_frozen: bool = True) -> Tensor:
    """Return the vectors of records, before they are scaled."""
    columns = string_records({"tokens": records})
    field = StaticSubwordField(source=str(folder))
    field.fit(columns)
    embedding = StaticSubwordEmbedding(field, is_frozen=is_frozen)
    encoded = EncodedRecords({field.key: field.encode(columns)}, columns=columns)
    values: Tensor = embedding(encoded.batch(np.arange(len(records)))) / embedding.scale
    return values


def test_a_word_is_the_mean_of_its_subwords(tmp_path: Path) -> None:
    values = embedded(write(tmp_path, {"embeddings": TABLE}), [["Ab", "c", "abbb"], ["c", "", "z"], []])
    one = [[2.0, 2.0], [0.0, 2.0], [2.5, 3.0]]  # "abbb" has four subwords: nothing is truncated
    torch.testing.assert_close(values[:2], torch.tensor([one, [[0.0, 2.0], [0.0, 0.0], [9.0, 9.0]]]))


def test_batches_without_words_are_embedded(tmp_path: Path) -> None:
    folder = write(tmp_path, {"embeddings": TABLE})
    assert embedded(folder, [[], []]).shape == (2, 1, 2)


def test_weights_and_shared_rows_of_model2vec_are_applied(tmp_path: Path) -> None:
    mapping, weights = torch.tensor([0, 1, 1, 0]), torch.tensor([1.0, 2.0, 0.5, 1.0])
    folder = write(tmp_path, {"embeddings": TABLE[:2].contiguous(), "mapping": mapping, "weights": weights})
    torch.testing.assert_close(embedded(folder, [["ab", "c"]])[0], torch.tensor([[1.25, 0.0], [9.0, 9.0]]))


def test_the_vectors_have_deviation_1_and_tuned_ones_learn(tmp_path: Path) -> None:
    columns = string_records({"tokens": [["ab"]]})
    field = StaticSubwordField(source=str(write(tmp_path, {"embedding.weight": TABLE.half()}, name="my_tokenizer_config.json")))
    field.fit(columns)
    assert field.matrix.dtype == np.float16
    tuned = StaticSubwordEmbedding(field, is_frozen=False)
    assert float((tuned.matrix.detach() * tuned.scale).std()) == pytest.approx(1.0)
    batch = EncodedRecords({field.key: field.encode(columns)}, columns=columns).batch(np.arange(1))
    tuned(batch).sum().backward()
    assert tuned.matrix.grad is not None
    assert tuned.matrix.grad.abs().sum(1).gt(0).tolist() == [False, True, True, False]
    assert not list(StaticSubwordEmbedding(field).parameters())


def test_a_bundle_has_the_table_and_needs_no_folder(tmp_path: Path) -> None:
    config = {"_target_": "seqlab.data.fields.StaticSubwordField", "source": str(write(tmp_path, {"embeddings": TABLE}))}
    columns, targets = string_records({"tokens": [["ab", "c"]]}), known_targets(MODEL_GROUPS)
    fields, restored = (Fields.from_config(config, targets=targets) for _ in range(2))
    fields.fit(columns.records)
    for path in tmp_path.iterdir():
        path.unlink()
    restored.restore(json.loads(json.dumps(fields.state())), fields.arrays())
    [before], [after] = fields, restored
    assert isinstance(after, StaticSubwordField)
    np.testing.assert_array_equal(after.matrix, TABLE.numpy())
    assert after.origin == f"{tmp_path}, licence not stated"
    assert repr(before.encode(columns).collate(np.arange(1))) == repr(after.encode(columns).collate(np.arange(1)))


def test_the_card_of_a_folder_states_its_licence(tmp_path: Path) -> None:
    (write(tmp_path, {"embeddings": TABLE}) / "README.md").write_text("---\nlanguage: en\nlicense: mit\n---\n# A model\n")
    field = StaticSubwordField(source=str(tmp_path))
    field.fit(string_records({"tokens": [["a"]]}))
    assert field.origin == f"{tmp_path}, mit"


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"other": TABLE}, r"has no table embeddings or embedding.weight \(subword, feature\); it has other \(4, 2\)"),
        ({"embeddings": TABLE[0]}, r"has no table .*; it has embeddings \(2,\)"),
        ({"embeddings": TABLE[:3]}, r"has 3 vectors, but tokenizer.json has 4 subwords; expected .* saved together"),
        ({"embeddings": TABLE / 0}, "holds values that are not finite"),
    ],
)
def test_tables_that_do_not_fit_are_refused(tmp_path: Path, tensors: dict[str, Tensor], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        embedded(write(tmp_path, {name: tensor.contiguous() for name, tensor in tensors.items()}), [["a"]])


def test_missing_and_ambiguous_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"source is 'no_such_thing', which is neither a folder nor an installed package"):
        embedded("no_such_thing", [["a"]])
    write(tmp_path, {"embeddings": TABLE})
    save_file({"embeddings": TABLE}, tmp_path / "second.safetensors")
    with pytest.raises(ConfigError, match=r"expected one safetensors file, .*; it has model.safetensors, second.safetensors"):
        embedded(tmp_path, [["a"]])
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"expected one tokenizer.json, in it or in a folder below; it has none"):
        embedded(tmp_path, [["a"]])
    (tmp_path / "second.safetensors").unlink()
    (tmp_path / "tokenizer.json").write_text('{"model": 3}')
    with pytest.raises(ConfigError, match="cannot be read"):
        embedded(tmp_path, [["a"]])


def test_wordllama_embeds_words_that_nobody_has_seen() -> None:
    pytest.importorskip("wordllama", reason="the extra `wordllama` is not installed")
    field = StaticSubwordField()
    columns = string_records({"tokens": [["Berlin", "berlin", "Xqzzyv", "🦜"]]})
    field.fit(columns)
    assert field.matrix.shape == (32_000, 256)
    assert field.origin.startswith("wordllama 0.")
    assert field.origin.endswith("MIT License")
    values = embedded("wordllama", [["Berlin", "berlin", "Xqzzyv", "🦜"]])[0]
    assert values.norm(dim=1).min() > 0
    assert not torch.equal(values[0], values[1])


def test_the_layer_names_what_is_pretrained_for_the_model_card(tmp_path: Path) -> None:
    field = StaticSubwordField(source=str(write(tmp_path, {"embeddings": TABLE})))
    field.fit(string_records({"tokens": [["a"]]}))
    layer = EmbeddingLayer({"subwords": StaticSubwordEmbedding(field)})
    assert layer.origins == [f"{tmp_path}, licence not stated"]
