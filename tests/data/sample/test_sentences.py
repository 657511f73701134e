"""Sentences and requests are well-formed, and names of the test split are new."""

from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import combinations
from typing import Any, TypeAlias

import pytest
from seqeval.metrics import f1_score

SPLITS = ("train", "val", "test")
Columns: TypeAlias = Callable[..., dict[str, list[Any]]]


def spans(tags: list[str]) -> list[tuple[str, int, int]]:
    """Return (type, start, end) of well-formed BIO tags."""
    found: list[tuple[str, int, int]] = []
    for i, tag in enumerate(tags):
        if tag == "O":
            continue
        prefix, kind = tag.split("-")
        if prefix == "I":
            assert found[-1][::2] == (kind, i), f"{tag} at {i} continues nothing in {tags}"
            found[-1] = (kind, found[-1][1], i + 1)
        else:
            assert prefix == "B"
            found.append((kind, i, i + 1))
    return found


def surfaces(columns: Columns, corpus: str, split: str, kinds: set[str]) -> set[str]:
    rows = columns(corpus, split)
    return {
        " ".join(tokens[start:end]).lower()
        for tokens, tags in zip(rows["tokens"], rows["tags"], strict=True)
        for kind, start, end in spans(tags)
        if kind in kinds
    }


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    ("corpus", "kinds"),
    [
        ("tags", {"PER", "ORG", "LOC", "PRODUCT"}),
        ("intents", {"city", "date", "time", "person", "song", "artist", "restaurant", "dish", "amount", "task"}),
    ],
)
def test_tags_are_bio_as_long_as_tokens(columns: Columns, corpus: str, kinds: set[str], split: str) -> None:
    rows = columns(corpus, split)
    assert [len(tags) for tags in rows["tags"]] == [len(tokens) for tokens in rows["tokens"]]
    assert kinds <= {kind for tags in rows["tags"] for kind, _, _ in spans(tags)}


@pytest.mark.parametrize(
    ("corpus", "kinds"),
    [("tags", {"PER", "ORG", "LOC", "PRODUCT"}), ("intents", {"person", "city", "song", "artist", "restaurant"})],
)
def test_names_of_splits_are_disjoint(columns: Columns, corpus: str, kinds: set[str]) -> None:
    names = {split: surfaces(columns, corpus, split, kinds) for split in SPLITS}
    for first, second in combinations(SPLITS, 2):
        assert not names[first] & names[second]
    words = {split: {word for name in names[split] for word in name.split()} for split in SPLITS}
    assert words["test"] & words["train"], "names share some of their words"
    assert len(words["test"] - words["train"]) > 20, "and not all of them"


def test_sentence_words_are_ambiguous(columns: Columns) -> None:
    uses = defaultdict(set)
    rows = columns("tags", "train", 1000)
    for tokens, tags in zip(rows["tokens"], rows["tags"], strict=True):
        for token, tag in zip(tokens, tags, strict=True):
            uses[token.lower()].add(tag[2:] or "O")
    assert {"O", "PER"} <= uses["rose"]
    assert {"O", "PER"} <= uses["will"]
    assert {"O", "ORG", "PRODUCT"} <= uses["anchor"]
    assert sum({"PER", "LOC", "ORG"} <= kinds for kinds in uses.values()) > 20


def test_sentences_are_sometimes_lower_cased_and_otherwise_start_with_a_capital(columns: Columns) -> None:
    sentences = [" ".join(tokens) for tokens in columns("tags", "train")["tokens"]]
    n_lower = sum(sentence == sentence.lower() for sentence in sentences)
    assert 0.04 < n_lower / len(sentences) < 0.2
    assert all(sentence[0].isupper() or sentence == sentence.lower() for sentence in sentences)


def test_commas_stand_between_words(columns: Columns) -> None:
    for tokens in columns("tags", "train", 1000)["tokens"]:
        for token, following in zip(tokens, [*tokens[1:], "."], strict=True):
            assert token != "," or following[0].isalnum(), tokens


def test_sentence_types_and_parts_of_speech(columns: Columns) -> None:
    rows = columns("tags", "test")
    assert set(rows["label"]) == {"declarative", "question", "imperative", "exclamation", "fragment"}
    assert [len(upos) for upos in rows["upos"]] == [len(tokens) for tokens in rows["tokens"]]
    marks = Counter(mark for upos in rows["upos"] for mark in upos)
    assert {"NOUN", "VERB", "ADP", "DET", "PROPN", "ADJ", "ADV", "PUNCT", "AUX", "PRON", "SCONJ"} <= set(marks)
    assert "" not in marks


def test_chunks_lie_in_order_without_overlap(columns: Columns) -> None:
    rows = columns("tags", "train")
    assert {chunk["label"] for chunks in rows["segments"] for chunk in chunks} == {"NP", "VP", "PP"}
    for tokens, upos, chunks in zip(rows["tokens"], rows["upos"], rows["segments"], strict=True):
        edges = [edge for chunk in chunks for edge in (chunk["start"], chunk["end"])]
        assert edges == sorted(edges)
        assert all(0 <= chunk["start"] < chunk["end"] <= len(tokens) for chunk in chunks)
        assert all(upos[chunk["start"]] == "ADP" for chunk in chunks if chunk["label"] == "PP")


def test_entities_never_cross_chunks(columns: Columns) -> None:
    rows = columns("tags", "train")
    for tags, chunks in zip(rows["tags"], rows["segments"], strict=True):
        for _, start, end in spans(tags):
            outside = [chunk for chunk in chunks if chunk["end"] <= start or end <= chunk["start"]]
            inside = [chunk for chunk in chunks if chunk["start"] <= start and end <= chunk["end"]]
            assert len(outside) + len(inside) == len(chunks)


@pytest.mark.parametrize("corpus", ["tags", "intents", "trees"])
def test_articles_agree_with_the_next_word(columns: Columns, corpus: str) -> None:
    pairs = {
        (tokens[i].lower(), tokens[i + 1].lower())
        for tokens in columns(corpus, "train")["tokens"]
        for i in range(len(tokens) - 1)
    }
    assert ("a", "old") not in pairs
    assert {word for article, word in pairs if article == "an"} > set()
    assert all(word[0] in "aeiouh" for article, word in pairs if article == "an")
    assert not [word for article, word in pairs if article == "a" and word[0] in "aeio"]


def test_requests_are_lower_cased_and_have_eight_intents(columns: Columns) -> None:
    rows = columns("intents", "train")
    assert len(set(rows["label"])) == 8
    assert all(token == token.lower() for tokens in rows["tokens"] for token in tokens)


def test_requests_of_one_verb_have_several_intents(columns: Columns) -> None:
    intents = defaultdict(set)
    rows = columns("intents", "train", 1000)
    for tokens, label in zip(rows["tokens"], rows["label"], strict=True):
        for token in set(tokens):
            intents[token].add(label)
    assert all(len(intents[verb]) >= 2 for verb in ("book", "set", "order", "send", "turn", "take"))


def lookup_tags(columns: Columns, corpus: str) -> float:
    """Return the span F1 of each word's most frequent tag, O for unknown words."""
    counts = defaultdict(Counter)
    train, test = columns(corpus, "train", 1000), columns(corpus, "test")
    for tokens, tags in zip(train["tokens"], train["tags"], strict=True):
        for token, tag in zip(tokens, tags, strict=True):
            counts[token][tag] += 1
    guesses = [
        [counts[token].most_common(1)[0][0] if token in counts else "O" for token in tokens] for tokens in test["tokens"]
    ]
    return float(f1_score(test["tags"], guesses))


@pytest.mark.parametrize("corpus", ["tags", "intents"])
def test_word_lookup_finds_some_spans_but_not_most(columns: Columns, corpus: str) -> None:
    assert 0.25 < lookup_tags(columns, corpus) < 0.55
