"""Schemes against seqeval, and against enumeration of every set of spans on short sequences."""

import random
import warnings
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES, Entities

from seqlab.data.schemes import SCHEME_NAMES, convert_tags, detect_scheme, get_scheme
from seqlab.data.schemes.reading import TagCodes
from seqlab.errors import ConfigError, DataError
from seqlab.types import Span

# seqeval has no IO; on tags without B its IOB1 reads the same runs.
STRICT = {"IOB1": IOB1, "BIO": IOB2, "BIOES": IOBES, "BILOU": BILOU, "IO": IOB1}
LABELS = ["PER", "creative-work", "_"]
ODD_TAGS = ["NOUN", ".", "B-", "I--PER", "E-PER-", "O-PER", "Interjection", "U", "L-PER", "x-PER"]
N_STEPS = 3


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


def span_sets(begin: int = 0) -> Iterator[list[Span]]:
    """Yield every set of flat spans with labels a and b on the steps from `begin` to `N_STEPS`."""
    yield []
    for start in range(begin, N_STEPS):
        for end, label in product(range(start + 1, N_STEPS + 1), "ab"):
            yield from ([Span(start, end, label), *rest] for rest in span_sets(end))


@st.composite
def spans(draw: st.DrawFn) -> list[Span]:
    """Draw flat spans, some of them touching."""
    found, begin = [], 0
    for gap, length, label in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(LABELS)))):
        found.append(Span(begin + gap, begin + gap + length, label))
        begin = found[-1].end
    return found


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


def test_lenient_bilou_is_lenient_bioes_in_other_letters() -> None:
    bilou, bioes, dice = get_scheme("BILOU"), get_scheme("BIOES"), random.Random(0)
    spelt = dict(zip(bilou.tags_of(LABELS), bioes.tags_of(LABELS), strict=True))
    for _ in range(200):
        drawn = random_tags(dice, list(spelt))
        assert bilou.spans(drawn) == bioes.spans([spelt[tag] for tag in drawn]), drawn


def test_lenient_bilou_keeps_neighbours_that_seqeval_default_merges() -> None:
    tags = ["U-a", "U-a", "B-a", "L-a", "B-a", "L-a"]
    assert get_scheme("BILOU").spans(tags) == [Span(0, 1, "a"), Span(1, 2, "a"), Span(2, 4, "a"), Span(4, 6, "a")]
    assert seqeval_default(tags) == [Span(4, 6, "a")]


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_tags_without_violations_are_the_spellings_of_span_sets(name: str) -> None:
    scheme = get_scheme(name)
    spellings = {tuple(scheme.encode(found, n_steps=N_STEPS)) for found in span_sets()}
    valid = {tags for tags in product(scheme.tags_of("ab"), repeat=N_STEPS) if not scheme.violations(tags)}
    assert valid == spellings


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_transitions_allow_the_sequences_without_violations(name: str) -> None:
    scheme = get_scheme(name)
    tags = scheme.tags_of("ab")[::-1]
    allowed = scheme.transitions(tags)
    assert allowed.step.shape == (len(tags), len(tags))
    for path in product(range(len(tags)), repeat=3):
        is_path = allowed.start[path[0]] & allowed.step[path[:-1], path[1:]].all() & allowed.end[path[-1]]
        assert is_path == (scheme.violations([tags[tag] for tag in path]) == []), path


def test_transitions_of_bioes_by_name() -> None:
    tags = ["O", "B-a", "I-a", "E-a", "S-a", "E-b"]
    allowed = get_scheme("BIOES").transitions(tags)
    assert [tag for tag, is_start in zip(tags, allowed.start, strict=True) if is_start] == ["O", "B-a", "S-a"]
    assert [tag for tag, is_end in zip(tags, allowed.end, strict=True) if is_end] == ["O", "E-a", "S-a", "E-b"]
    assert [tag for tag, is_next in zip(tags, allowed.step[1], strict=True) if is_next] == ["I-a", "E-a"]


def test_transitions_refuse_tags_of_another_scheme() -> None:
    with pytest.raises(DataError, match=r"'S-a'.*a tag of BIO: O, B-label or I-label"):
        get_scheme("BIO").transitions(["O", "B-a", "S-a"])


@pytest.mark.parametrize("is_strict", [True, False])
@pytest.mark.parametrize("name", [name for name in SCHEME_NAMES if name != "IO"])
@settings(max_examples=30)
@given(spans=spans())
def test_spans_return_what_was_encoded(name: str, is_strict: bool, spans: list[Span]) -> None:
    scheme = get_scheme(name)
    n_steps = max((span.end for span in spans), default=0) + 1
    tags = scheme.encode(reversed(spans), n_steps=n_steps)
    assert scheme.violations(tags) == []
    assert len(tags) == n_steps
    assert scheme.spans(tags, is_strict=is_strict) == spans


@pytest.mark.parametrize("is_strict", [True, False])
def test_io_merges_touching_spans_of_one_label_only(is_strict: bool) -> None:
    scheme = get_scheme("IO")
    tags = scheme.encode([Span(0, 1, "a"), Span(1, 3, "a"), Span(3, 4, "b")], n_steps=5)
    assert tags == ["I-a", "I-a", "I-a", "I-b", "O"]
    assert scheme.spans(tags, is_strict=is_strict) == [Span(0, 3, "a"), Span(3, 4, "b")]


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("IOB1", ["I-a", "B-a", "I-a", "O", "I-b"]),
        ("BIO", ["B-a", "B-a", "I-a", "O", "B-b"]),
        ("BIOES", ["S-a", "B-a", "E-a", "O", "S-b"]),
        ("BILOU", ["U-a", "B-a", "L-a", "O", "U-b"]),
        ("IO", ["I-a", "I-a", "I-a", "O", "I-b"]),
    ],
)
def test_encode_spells_each_scheme(name: str, tags: list[str]) -> None:
    assert get_scheme(name).encode([Span(0, 1, "a"), Span(1, 3, "a"), Span(4, 5, "b")], n_steps=5) == tags


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([Span(0, 2, "a"), Span(1, 3, "b")], r"\(0, 2, 'a'\) and \(1, 3, 'b'\) overlap"),
        ([Span(1, 1, "a")], r"\(1, 1, 'a'\)"),
        ([Span(2, 4, "a")], r"\(2, 4, 'a'\); expected 0 <= start < end <= 3"),
        ([Span(-1, 1, "a")], r"\(-1, 1, 'a'\)"),
    ],
)
def test_encode_refuses_spans_that_do_not_fit(found: list[Span], message: str) -> None:
    with pytest.raises(DataError, match=message):
        get_scheme("BIO").encode(found, n_steps=3)


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_empty_sequence_and_bare_prefixes(name: str) -> None:
    scheme = get_scheme(name)
    assert scheme.spans([]) == scheme.spans([], is_strict=True) == scheme.violations([]) == []
    assert scheme.encode([], n_steps=0) == []
    bare = scheme.encode([Span(0, 2, "_")], n_steps=3)
    assert all("-" not in tag for tag in bare)
    assert scheme.spans(bare) == scheme.spans(bare, is_strict=True) == [Span(0, 2, "_")]


@pytest.mark.parametrize("tags", [["S-a"], ["NOUN"], ["O-a"], ["B-"], [""]])
def test_strict_spans_refuse_tags_of_no_or_another_scheme(tags: list[str]) -> None:
    with pytest.raises(DataError, match=rf"tag is '{tags[0]}'; expected a tag of BIO"):
        get_scheme("BIO").spans(tags, is_strict=True)


def test_lenient_spans_refuse_the_empty_tag() -> None:
    with pytest.raises(DataError, match=r"tag is ''"):
        get_scheme("BIO").spans(["O", ""])


@pytest.mark.parametrize(
    ("name", "tags", "expected"),
    [
        ("BIO", ["I-a"], [(0, "I-a", "no span of 'a' is open right before it")]),
        ("BIO", ["B-a", "I-b"], [(1, "I-b", "no span of 'b' is open right before it")]),
        ("BIO", ["O", "NOUN", "I-a"], [(1, "NOUN", "expected a tag of BIO: O, B-label or I-label")]),
        ("IOB1", ["O", "B-a"], [(1, "B-a", "no span of 'a' is open right before it")]),
        ("BIOES", ["B-a", "O"], [(1, "O", "the span of 'a' before it is still open")]),
        ("BIOES", ["S-a", "B-a"], [(1, "B-a", "the span of 'a' is still open at the end")]),
        ("BILOU", ["B-a", "L-a", "L-a"], [(2, "L-a", "no span of 'a' is open right before it")]),
        ("IO", ["B-a"], [(0, "B-a", "expected a tag of IO: O or I-label")]),
    ],
)
def test_violations_name_step_tag_and_reason(name: str, tags: list[str], expected: list[tuple[int, str, str]]) -> None:
    found = get_scheme(name).violations(tags)
    assert [(violation.step, violation.tag, violation.reason) for violation in found] == expected


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_breaks_count_the_violations_of_all_sequences(name: str) -> None:
    scheme, dice, codes = get_scheme(name), random.Random(0), TagCodes()
    sequences = [random_tags(dice, get_scheme("BIOES").tags_of(LABELS) + ODD_TAGS) for _ in range(200)]
    n_violations = sum(len(scheme.violations(tags)) for tags in sequences)
    assert np.sum(scheme.breaks(codes.flatten(sequences), tags=codes)) == n_violations > 200


@pytest.mark.parametrize("source", [name for name in SCHEME_NAMES if name != "IO"])
@pytest.mark.parametrize("target", [name for name in SCHEME_NAMES if name != "IO"])
@settings(max_examples=15)
@given(spans=spans())
def test_conversion_there_and_back_changes_nothing(source: str, target: str, spans: list[Span]) -> None:
    tags = get_scheme(source).encode(spans, n_steps=max((span.end for span in spans), default=0))
    there = convert_tags(tags, source=source, target=target)
    assert get_scheme(target).violations(there) == []
    assert convert_tags(there, source=target, target=source) == tags


def test_conversion_mends_broken_tags() -> None:
    assert convert_tags(["I-a", "I-b", "E-b"], source="BIOES", target="BIOES") == ["S-a", "B-b", "E-b"]


def test_tags_of_lists_label_by_label() -> None:
    assert get_scheme("BIO").tags_of(["b", "a-c"]) == ["O", "B-b", "I-b", "B-a-c", "I-a-c"]


@pytest.mark.parametrize(("alias", "name"), [("iob2", "BIO"), ("IOBES", "BIOES"), ("bilou", "BILOU"), ("Iob1", "IOB1")])
def test_get_scheme_knows_aliases_in_any_case(alias: str, name: str) -> None:
    assert get_scheme(alias) is get_scheme(name)
    assert get_scheme(alias).name == name


def test_get_scheme_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"scheme is 'BIEOS'; expected one of IOB1, BIO, .*; did you mean BIOES\?"):
        get_scheme("BIEOS")


@pytest.mark.parametrize(
    ("tags", "candidates", "sentence"),
    [
        (["I-a", "O"], ["IOB1", "IO"], "fit IOB1, IO alike"),
        (["I-a", "B-a"], ["IOB1"], "are IOB1"),
        (["B-a", "I-a", "O"], ["BIO"], "are BIO, without a violation in 4 steps"),
        (["B-a", "E-a"], ["BIOES"], "are BIOES"),
        (["U-a"], ["BILOU"], "are BILOU"),
        (["O", "O"], list(SCHEME_NAMES), "fit IOB1, BIO, BIOES, BILOU, IO alike"),
        (["B-a", "I-a", "B-b", "I-c", "O"], [], "the nearest is BIO, broken at 1 of 6 steps"),
    ],
)
def test_detect_scheme_lists_what_fits(tags: list[str], candidates: list[str], sentence: str) -> None:
    found = detect_scheme([["O"], tags[:0], tags])
    assert found.candidates == candidates
    assert found.name == (candidates[0] if len(candidates) == 1 else None)
    assert found.is_spans
    assert sentence in found.describe()


def test_detect_scheme_counts_violations() -> None:
    found = detect_scheme([["B-a", "I-a"], ["I-a", "O"]])
    assert found.violations == {"IOB1": 1, "BIO": 1, "BIOES": 3, "BILOU": 3, "IO": 1}
    assert found.name is None


@pytest.mark.parametrize("tags", [["DET", "NOUN", "VERB"], ["B-a", "I-a", "b_a"], ["B-a", "B-"]])
def test_detect_scheme_finds_no_spans_in_plain_labels(tags: list[str]) -> None:
    found = detect_scheme([tags])
    assert (found.name, found.candidates, found.is_spans) == (None, [], False)
    assert repr(found.foreign_tags[0]) in found.describe()


@pytest.mark.parametrize("sequences", [[], [[]]])
def test_detect_scheme_without_tags(sequences: list[list[str]]) -> None:
    found = detect_scheme(sequences)
    assert (found.name, found.candidates, found.is_spans) == (None, [], False)
    assert "no tags" in found.describe()


def test_detect_scheme_of_real_files(repository: Path) -> None:
    shared = repository.parent / "shared" / "data"
    if not shared.is_dir():
        pytest.skip("needs the shared data folder beside the checkout")
    slots = (shared / "snips" / "tokenised" / "dev" / "seq.out").read_text(encoding="utf-8").splitlines()
    assert detect_scheme(row.split() for row in slots).name == "BIO"
    words = (shared / "ud_english_ewt").glob("*dev.conllu")
    rows = [line.split("\t") for line in next(words).read_text(encoding="utf-8").splitlines() if "\t" in line]
    assert not detect_scheme([[row[3] for row in rows]]).is_spans
