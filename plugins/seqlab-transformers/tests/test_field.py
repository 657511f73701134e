"""The subwords of words compared with those of transformers itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from seqlab_transformers import SubwordField, Subwords
from torch import Tensor
from transformers import AutoTokenizer

from seqlab.data.columns import Columns
from seqlab.data.fields import Field, Tensors
from seqlab.data.records import records_from_columns
from seqlab.errors import ConfigError
from seqlab.testing import FieldContract

ModelFolder = Callable[[str], Path]
WORDS = ["Maria", "Lindqvist", "flew", "to", "Oslo", ",", "unbelievably", "Ærø", "."]


def field_of(folder: Path, **options: Any) -> SubwordField:
    settings = {"revision": None, "window": None, "overlap": 8, **options}
    return SubwordField(column="tokens", name=str(folder), **settings)


def columns(*rows: list[str]) -> Columns:
    return Columns(records_from_columns({"tokens": list(rows)}))


def fitted(folder: Path, **options: Any) -> SubwordField:
    field = field_of(folder, **options)
    field.fit(columns(WORDS))
    return field


def subwords(field: SubwordField, *rows: list[str]) -> Subwords:
    return field.encode(columns(*rows)).collate(np.arange(len(rows)))


def by_word(found: Subwords) -> list[list[int]]:
    """Return the subword ids of each word of a batch, looked up at their positions."""
    return [part.tolist() for part in found.ids.flatten()[found.place].split(found.counts.tolist())]


class _Contract(FieldContract):
    kind: str

    @pytest.fixture(autouse=True)
    def _model(self, model_folder: ModelFolder) -> None:
        self.folder = model_folder(self.kind)

    def make(self) -> Field:
        return field_of(self.folder, window=10, overlap=2)

    def record(self, tensors: Tensors, i: int, n_steps: int | None) -> Tensor:
        """Return the subwords of each step in a row, separated by -1."""
        assert isinstance(tensors, Subwords)
        words = by_word(tensors)
        return torch.tensor([i for word in tensors.word[i, :n_steps].tolist() for i in (*words[word], -1)], dtype=torch.long)


class TestBertField(_Contract):
    kind = "bert"


class TestRobertaField(_Contract):
    kind = "roberta"


class TestT5Field(_Contract):
    kind = "t5"


@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt2", "t5"])
def test_subwords_are_those_of_the_words_in_a_text(model_folder: ModelFolder, kind: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model_folder(kind))
    text = f" {' '.join(WORDS)}"  # every word follows a space; for BERT and T5 it makes no difference
    words = by_word(subwords(fitted(model_folder(kind)), WORDS))
    assert [i for word in words for i in word] == tokenizer(text, add_special_tokens=False)["input_ids"]
    assert len(words) == len(WORDS)
    short = subwords(fitted(model_folder(kind)), WORDS[:3])
    assert short.ids.tolist() == [tokenizer(f" {' '.join(WORDS[:3])}", truncation=False, padding=False)["input_ids"]]


@pytest.mark.parametrize("kind", ["bert", "t5"])
def test_each_word_has_the_subwords_that_transformers_gives_it(model_folder: ModelFolder, kind: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model_folder(kind))
    whole = tokenizer(WORDS, is_split_into_words=True, truncation=False, padding=False)
    expected: list[list[int]] = [[] for _ in WORDS]
    for i, word in zip(whole["input_ids"], whole.word_ids(), strict=True):
        if word is not None:
            expected[word].append(i)
    assert by_word(subwords(fitted(model_folder(kind)), WORDS)) == expected


def test_a_word_without_subwords_is_one_unknown_subword(model_folder: ModelFolder) -> None:
    field = fitted(model_folder("bert"))
    unknown = field.tokenizer.tokenizer.token_to_id("[UNK]")
    assert by_word(subwords(field, ["", "\u200b", "\x00", "maria", "\U0001f30d"]))[:3] == [[unknown]] * 3
    assert subwords(field, ["", " ", "\x00"]).counts.tolist() == [1, 1, 1]


def test_words_that_look_like_special_subwords_are_text(model_folder: ModelFolder) -> None:
    for kind, word in (("bert", "[SEP]"), ("roberta", "</s>"), ("gpt2", "<|endoftext|>")):
        field = fitted(model_folder(kind))
        special = field.tokenizer.tokenizer.token_to_id(word)
        (ids,) = by_word(subwords(field, [word]))
        assert special is not None
        assert special not in ids


def test_every_window_has_the_special_subwords(model_folder: ModelFolder) -> None:
    field = fitted(model_folder("bert"), window=9, overlap=3)
    found = subwords(field, WORDS, [], ["to"])
    assert found.ids.shape[1] == 9
    assert len(found.ids) > 3
    for row, length in zip(found.ids.tolist(), found.lengths.tolist(), strict=True):
        assert (row[0], row[length - 1], set(row[length:]) <= {0}) == (2, 3, True)
    assert found.mask.sum(1).tolist() == found.lengths.tolist()


@pytest.mark.parametrize(("kind", "room"), [("bert", 30), ("roberta", 30), ("gpt2", 32), ("t5", None)])
def test_a_window_is_as_long_as_the_model_has_positions(model_folder: ModelFolder, kind: str, room: int | None) -> None:
    assert fitted(model_folder(kind)).room == room


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 33}, r"field\.window is 33, but .* reads at most 32 subwords; set 32 or null"),
        ({"window": 2}, r"field\.window is 2; expected more than the 2 special subwords in it"),
        ({"overlap": 30}, r"field\.overlap is 30; expected at least 0 and less than the room of a window \(30\)"),
        ({"overlap": -1}, r"field\.overlap is -1; expected at least 0"),
    ],
)
def test_invalid_windows_are_refused(model_folder: ModelFolder, options: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fitted(model_folder("bert"), **options)


def test_a_tokenizer_of_another_model_is_refused(model_folder: ModelFolder, tmp_path: Path) -> None:
    for path in model_folder("bert").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    content = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(content | {"vocab_size": 50}))
    with pytest.raises(ConfigError, match=r"the tokenizer has 300 subwords, but the model has embeddings for 50"):
        fitted(tmp_path)
