"""Pairs of claims: labels follow from what each sentence leaves open, by enumeration of all states of the world."""

from collections import Counter
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest

from seqlab.data.sample import SampleReader
from seqlab.data.sample.grammar import Grammar
from seqlab.data.sample.ownership import Ownership
from seqlab.data.sample.pairs import Sentence, pair_record, relatedness, relation


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return SampleReader(corpus="pairs", n_train=300, n_val=0, n_test=0, seed=5).read(Path("train")).to_list()


def claims_of(tokens: list[str]) -> dict[str, str]:
    """Return the claims of a sentence, read off its words."""
    assert tokens[2] == "is"
    parts = " ".join(tokens[3:]).split(" and ")
    return {part.split()[-1]: " ".join(part.split()[:-1]) for part in parts}


def holds(claims: dict[str, str], world: dict[str, int]) -> bool:
    """Return whether claims hold where each quality has a degree of 0, 1 or 2."""
    truths = {"": lambda d: d >= 1, "very": lambda d: d == 2, "not": lambda d: d == 0, "not very": lambda d: d < 2}
    return all(truths[form](world[quality]) for quality, form in claims.items())


def test_entailment_is_that_of_all_worlds(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        first, second = claims_of(row["tokens"]), claims_of(row["tokens_2"])
        qualities = sorted({*first, *second})
        worlds = [dict(zip(qualities, degrees, strict=True)) for degrees in product(range(3), repeat=len(qualities))]
        both = [world for world in worlds if holds(first, world) and holds(second, world)]
        left = [world for world in worlds if holds(first, world)]
        expected = "CONTRADICTION" if not both else "ENTAILMENT" if len(both) == len(left) else "NEUTRAL"
        is_same = row["tokens"][1] == row["tokens_2"][1]
        assert row["entailment"] == (expected if is_same else "NEUTRAL"), row


def test_labels_are_balanced_and_scores_are_spread(rows: list[dict[str, Any]]) -> None:
    counts = Counter(row["entailment"] for row in rows)
    assert min(counts.values()) > 70
    assert {*counts} == {"ENTAILMENT", "NEUTRAL", "CONTRADICTION"}
    scores = [row["relatedness"] for row in rows]
    assert 1 <= min(scores) < 2
    assert max(scores) == 5


def test_trees_have_the_words_of_their_sentences(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        for side in ("", "_2"):
            words = [part.rstrip(")") for part in row[f"tree{side}"].split() if not part.startswith("(")]
            assert words == row[f"tokens{side}"]
            assert row[f"tree{side}"].count("(") == row[f"tree{side}"].count(")")


def test_relatedness_counts_the_thing_and_the_claims() -> None:
    first = Sentence("the", "film", {"dull": "very", "warm": ""})
    assert relatedness(first, first) == 5
    assert relatedness(first, Sentence("the", "album", {"dull": "very", "warm": ""})) == 3
    assert relatedness(first, Sentence("the", "film", {"dull": "", "warm": ""})) == 1 + 2 + 2 * (0.5 + 1) / 2
    assert relatedness(first, Sentence("the", "album", {"bland": ""})) == 1
    assert relation(first, Sentence("the", "film", {"dull": ""})) == "ENTAILMENT"
    assert relation(Sentence("the", "film", {"dull": ""}), first) == "NEUTRAL"
    assert relation(first, Sentence("the", "film", {"dull": "not very"})) == "CONTRADICTION"


def test_articles_suit_the_thing() -> None:
    grammar, random = Grammar.load("reviews", ownership=Ownership(1, "train")), Random(2)
    for _ in range(50):
        record = pair_record(grammar, random)
        assert str(record["tokens"][0]).istitle()  # type: ignore[index]
