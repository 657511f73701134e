import numpy as np
import pytest
import torch

from seqlab.data.columns import Columns
from seqlab.data.fields import CharacterField, Spellings
from seqlab.data.records import records_from_columns


def columns(*rows: list[str]) -> Columns:
    return Columns(records_from_columns({"tokens": list(rows)}))


def fitted(*rows: list[str], min_count: int = 1, max_length: int = 10) -> CharacterField:
    field = CharacterField(column="tokens", min_count=min_count, max_length=max_length)
    field.fit(columns(*rows))
    return field


def spelled(field: CharacterField, *rows: list[str]) -> list[list[str]]:
    """The words of each record as the field spells them, ? for an unknown character."""
    spellings = field.encode(columns(*rows)).collate(np.arange(len(rows)))
    alphabet = ["", "?", *field.vocabulary.items]
    words = ["".join(alphabet[i] for i in row) for row in spellings.characters.tolist()]
    return [[words[w] for w in row[: len(tokens)]] for row, tokens in zip(spellings.word.tolist(), rows, strict=True)]


def test_words_are_spelled_where_they_stand() -> None:
    rows = [["ab", "c"], [], ["c", "ab", "abc"]]
    assert spelled(fitted(*rows), *rows) == rows


def test_each_distinct_word_of_a_batch_is_spelled_once_shortest_first() -> None:
    rows = [["ccc", "a"], ["a", "bb", "ccc"]]
    spellings = fitted(*rows).encode(columns(*rows)).collate(np.asarray([0, 1]))
    assert spellings.lengths.tolist() == [1, 2, 3]
    assert spellings.characters.shape == (3, 3)
    (alone,) = [fitted(*rows).encode(columns(*rows)).collate(np.asarray([0]))]
    assert alone.lengths.tolist() == [1, 3]


def test_unknown_characters_have_an_id_of_their_own() -> None:
    assert spelled(fitted(["ab"]), ["axb", "zz"]) == [["a?b", "??"]]


def test_characters_count_once_a_word() -> None:
    assert fitted(["aaa", "ab", "ab"], min_count=2).vocabulary.items == ["a"]


@pytest.mark.parametrize(
    ("max_length", "expected"), [(4, "ABYZ"), (5, "ABCYZ"), (1, "A"), (26, None), (25, "ABCDEFGHIJKLMOPQRSTUVWXYZ")]
)
def test_of_long_words_both_ends_are_kept(max_length: int, expected: str | None) -> None:
    word = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert spelled(fitted([word], max_length=max_length), [word]) == [[expected or word]]


def test_long_words_with_the_same_ends_stay_apart_as_words() -> None:
    rows = [["A" * 9 + "B", "A" * 5 + "C" + "A" * 3 + "B"]]
    assert spelled(fitted(*rows, max_length=4), *rows) == [["AAAB"[:4], "AAAB"[:4]]]


def test_the_empty_string_is_one_unknown_character() -> None:
    assert spelled(fitted(["a", ""]), ["", "a", ""]) == [["?", "a", "?"]]


@pytest.mark.parametrize("rows", [[[]], [[], []], [[], ["a"]]])
def test_batches_without_words_have_one_row(rows: list[list[str]]) -> None:
    spellings = fitted(["a"]).encode(columns(*rows)).collate(np.asarray([0]))
    assert isinstance(spellings, Spellings)
    assert spellings.word.tolist() == [[0]]
    assert spellings.characters.shape[0] == len(spellings.lengths) == 1
    assert int(spellings.lengths[0]) >= 1
    assert spellings.characters.dtype == torch.int64
