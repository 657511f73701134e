"""Which tags may follow which, against enumeration of every set of spans on short sequences."""

from collections.abc import Iterator
from itertools import product

import pytest

from seqlab.data.schemes import SCHEME_NAMES, get_scheme
from seqlab.errors import DataError
from seqlab.types import Span

N_STEPS = 3


def span_sets(begin: int = 0) -> Iterator[list[Span]]:
    """Yield every set of flat spans with labels a and b on the steps from `begin` to `N_STEPS`."""
    yield []
    for start in range(begin, N_STEPS):
        for end, label in product(range(start + 1, N_STEPS + 1), "ab"):
            yield from ([Span(start, end, label), *rest] for rest in span_sets(end))


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
