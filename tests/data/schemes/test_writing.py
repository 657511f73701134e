"""Spans written as tags: read again they are the same, in whatever scheme."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.data.schemes import SCHEME_NAMES, get_scheme
from seqlab.errors import DataError
from seqlab.types import Span

LABELS = ["PER", "creative-work", "_"]


@st.composite
def spans(draw: st.DrawFn) -> list[Span]:
    """Draw flat spans, some of them touching."""
    found, begin = [], 0
    for gap, length, label in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(LABELS)))):
        found.append(Span(begin + gap, begin + gap + length, label))
        begin = found[-1].end
    return found


def convert_tags(tags: list[str], *, source: str, target: str) -> list[str]:
    return get_scheme(target).encode(get_scheme(source).spans(tags), n_steps=len(tags))


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


@pytest.mark.parametrize("source", [name for name in SCHEME_NAMES if name != "IO"])
@pytest.mark.parametrize("target", [name for name in SCHEME_NAMES if name != "IO"])
@settings(max_examples=15)
@given(spans=spans())
def test_conversion_there_and_back_changes_nothing(source: str, target: str, spans: list[Span]) -> None:
    tags = get_scheme(source).encode(spans, n_steps=max((span.end for span in spans), default=0))
    there = convert_tags(tags, source=source, target=target)
    assert get_scheme(target).violations(there) == []
    assert convert_tags(there, source=target, target=source) == tags


def test_conversion_repairs_violations() -> None:
    assert convert_tags(["I-a", "I-b", "E-b"], source="BIOES", target="BIOES") == ["S-a", "B-b", "E-b"]
