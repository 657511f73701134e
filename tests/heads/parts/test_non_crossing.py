from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.heads.parts.non_crossing import best_spans

Spans = list[tuple[int, int]]
ALL = [(start, end) for start in range(6) for end in range(start + 1, 7)]


def clash(one: tuple[int, int], other: tuple[int, int], *, can_nest: bool) -> bool:
    """Return whether two spans cannot stand together, step by step."""
    a, b = set(range(*one)), set(range(*other))
    return bool(a & b) and not (can_nest and (a <= b or b <= a))


def by_enumeration(spans: Spans, gains: list[float], *, can_nest: bool) -> set[tuple[int, int]]:
    """Return the possible set that is first when sets are compared by whether they have the best span, then the next."""
    ranked = sorted(range(len(spans)), key=lambda i: (-gains[i], spans[i]))
    possible = [
        chosen
        for size in range(len(spans) + 1)
        for chosen in combinations(range(len(spans)), size)
        if not any(clash(spans[i], spans[j], can_nest=can_nest) for i, j in combinations(chosen, 2))
    ]
    best = max(possible, key=lambda chosen: [i in chosen for i in ranked])
    return {spans[i] for i in best}


@pytest.mark.parametrize("can_nest", [True, False])
@given(st.lists(st.sampled_from(ALL), unique=True, max_size=7), st.data())
def test_best_spans_equal_enumeration(can_nest: bool, spans: Spans, data: st.DataObject) -> None:
    gains = data.draw(st.lists(st.integers(1, 4).map(float), min_size=len(spans), max_size=len(spans)))
    found = [spans[i] for i in best_spans(spans, gains, can_nest=can_nest)]
    assert set(found) == by_enumeration(spans, gains, can_nest=can_nest)
    assert found == sorted(found, key=lambda span: (span[0], -span[1]))


def test_best_spans_nest_or_not() -> None:
    spans = [(0, 3), (1, 2), (2, 5), (4, 6)]
    assert best_spans(spans, [2.0, 4.0, 1.0, 3.0], can_nest=True) == [0, 1, 3]
    assert best_spans(spans, [2.0, 4.0, 1.0, 3.0], can_nest=False) == [1, 3]
