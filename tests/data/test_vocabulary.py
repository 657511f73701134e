from hypothesis import given
from hypothesis import strategies as st

from seqlab.data.vocabulary import N_RESERVED, PADDING, UNKNOWN, Vocabulary


def test_most_frequent_come_first_and_ties_in_alphabetical_order() -> None:
    vocabulary = Vocabulary.from_counts({"b": 2, "rare": 1, "a": 2, "most": 5}, min_count=2)
    assert vocabulary.items == ["most", "a", "b"]


def test_ids_leave_room_for_padding_and_unknown() -> None:
    vocabulary = Vocabulary(["x", "y"])
    assert vocabulary.ids(["y", "nowhere", "x"]).tolist() == [3, UNKNOWN, 2]
    assert (PADDING, UNKNOWN, N_RESERVED, len(vocabulary)) == (0, 1, 2, 4)


def test_ids_of_nothing_are_nothing() -> None:
    assert Vocabulary(["x"]).ids([]).tolist() == []


def test_contains_says_what_has_an_id_of_its_own() -> None:
    vocabulary = Vocabulary(["x"])
    assert "x" in vocabulary
    assert "y" not in vocabulary


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 9), max_size=8))
def test_order_does_not_depend_on_the_order_of_counting(counts: dict[str, int]) -> None:
    backwards = dict(reversed(counts.items()))
    found = [Vocabulary.from_counts(c, min_count=1).items for c in (counts, backwards)]
    assert found[0] == found[1]


@given(st.lists(st.text(max_size=3), unique=True, max_size=8))
def test_ids_are_distinct_and_below_the_length(items: list[str]) -> None:
    vocabulary = Vocabulary(items)
    ids = vocabulary.ids(items).tolist()
    assert sorted(ids) == list(range(N_RESERVED, len(vocabulary)))
