"""Spans read of tags against seqeval, strictly and leniently, and violations counted in many sequences at once."""

import random
import warnings

import numpy as np
import pytest
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES, Entities

from seqlab.data.schemes import SCHEME_NAMES, get_scheme
from seqlab.data.schemes.reading import Neighbours, TagCodes, TagParts, read_default
from seqlab.data.schemes.rules import DEFAULT_RULES
from seqlab.errors import DataError
from seqlab.types import Span

# seqeval has no IO; on tags without B its IOB1 reads the same runs.
STRICT = {"IOB1": IOB1, "BIO": IOB2, "BIOES": IOBES, "BILOU": BILOU, "IO": IOB1}
LABELS = ["PER", "creative-work", "_"]
ODD_TAGS = ["NOUN", ".", "B-", "I--PER", "E-PER-", "O-PER", "Interjection", "U", "L-PER", "x-PER"]


def random_tags(dice: random.Random, tags: list[str]) -> list[str]:
    """Return up to a dozen tags, most of them drawn from two of `tags` so that neighbours often go together."""
    few = dice.sample(tags, 2)
    return [dice.choice(few if dice.random() < 0.6 else tags) for _ in range(dice.randint(0, 12))]


def seqeval_default(tags: list[str]) -> list[Span]:
    """Return the spans that seqeval reads in its default mode."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [Span(start, end + 1, label) for label, start, end in get_entities(tags)]


def seqeval_strict(tags: list[str], *, scheme: str) -> list[Span]:
    """Return the spans that seqeval reads in its strict mode."""
    return [Span(entity.start, entity.end, entity.tag) for entity in Entities([tags], STRICT[scheme]).entities[0]]


@pytest.mark.parametrize("name", SCHEME_NAMES)
@pytest.mark.parametrize("n_draws", [200, pytest.param(3_000, marks=pytest.mark.slow)])
def test_strict_spans_equal_seqeval(name: str, n_draws: int) -> None:
    scheme, dice = get_scheme(name), random.Random(0)
    tags = scheme.tags_of(LABELS)
    for _ in range(n_draws):
        drawn = random_tags(dice, tags)
        assert scheme.spans(drawn, is_strict=True) == seqeval_strict(drawn, scheme=name), drawn


@pytest.mark.parametrize("name", [name for name in SCHEME_NAMES if name != "BILOU"])
@pytest.mark.parametrize("n_draws", [200, pytest.param(3_000, marks=pytest.mark.slow)])
def test_lenient_spans_equal_seqeval_default_for_any_tag(name: str, n_draws: int) -> None:
    scheme, dice = get_scheme(name), random.Random(0)
    tags = scheme.tags_of(LABELS)
    for draw in range(n_draws):
        drawn = random_tags(dice, tags if draw % 2 else tags + ODD_TAGS)
        assert scheme.spans(drawn) == seqeval_default(drawn), drawn


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_lenient_spans_of_many_sequences_are_those_of_each(name: str) -> None:
    scheme, dice = get_scheme(name), random.Random(0)
    drawn = [random_tags(dice, scheme.tags_of(LABELS)) for _ in range(200)]
    codes = TagCodes()
    near = Neighbours.of(codes.flatten(drawn))
    parts = TagParts.of(codes, split=scheme.split_lenient)
    offsets = np.cumsum([0, *(len(tags) + 1 for tags in drawn)])
    expected = [
        (start + offset, end + offset, label)
        for tags, offset in zip(drawn, offsets.tolist(), strict=False)
        for start, end, label in scheme.spans(tags)
    ]
    found = [(start, end, parts.labels[i]) for start, end, i in read_default(near, parts=parts, rules=DEFAULT_RULES)]
    assert found == expected


def test_lenient_bilou_is_lenient_bioes_in_other_letters() -> None:
    bilou, bioes, dice = get_scheme("BILOU"), get_scheme("BIOES"), random.Random(0)
    translated = dict(zip(bilou.tags_of(LABELS), bioes.tags_of(LABELS), strict=True))
    for _ in range(200):
        drawn = random_tags(dice, list(translated))
        assert bilou.spans(drawn) == bioes.spans([translated[tag] for tag in drawn]), drawn


def test_lenient_bilou_keeps_neighbours_that_seqeval_default_merges() -> None:
    tags = ["U-a", "U-a", "B-a", "L-a", "B-a", "L-a"]
    assert get_scheme("BILOU").spans(tags) == [Span(0, 1, "a"), Span(1, 2, "a"), Span(2, 4, "a"), Span(4, 6, "a")]
    assert seqeval_default(tags) == [Span(4, 6, "a")]


@pytest.mark.parametrize("tags", [["S-a"], ["NOUN"], ["O-a"], ["B-"], [""]])
def test_strict_spans_refuse_tags_of_no_or_another_scheme(tags: list[str]) -> None:
    with pytest.raises(DataError, match=rf"tag is '{tags[0]}'; expected a tag of BIO"):
        get_scheme("BIO").spans(tags, is_strict=True)


def test_lenient_spans_refuse_the_empty_tag() -> None:
    with pytest.raises(DataError, match=r"tag is ''"):
        get_scheme("BIO").spans(["O", ""])


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_breaks_count_the_violations_of_all_sequences(name: str) -> None:
    scheme, dice, codes = get_scheme(name), random.Random(0), TagCodes()
    sequences = [random_tags(dice, get_scheme("BIOES").tags_of(LABELS) + ODD_TAGS) for _ in range(200)]
    n_violations = sum(len(scheme.violations(tags)) for tags in sequences)
    assert np.sum(scheme.breaks(codes.flatten(sequences), tags=codes)) == n_violations > 200
