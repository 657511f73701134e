"""Windows over a text compared with a search over all windows for each subword."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqlab_transformers.windows import cut


@given(n=st.integers(0, 60), room=st.integers(1, 20), overlap=st.integers(0, 19))
def test_each_subword_is_read_in_the_window_with_most_context(n: int, room: int, overlap: int) -> None:
    overlap = min(overlap, room - 1)
    windows = cut(n, room=room, overlap=overlap)
    spans = [(start, start + windows.length) for start in windows.starts.tolist()]

    def context(subword: int, span: tuple[int, int]) -> float:
        """Return the amount of context, which is complete at the ends of the text."""
        before = subword - span[0] if span[0] else n
        behind = span[1] - 1 - subword if span[1] < n else n
        return min(before, behind) if span[0] <= subword < span[1] else -1

    assert len(windows.window) == n
    for subword, chosen in enumerate(windows.window.tolist()):
        found = context(subword, spans[chosen])
        assert found >= 0
        assert found == max(context(subword, span) for span in spans)


@given(n=st.integers(1, 60), room=st.integers(1, 20), overlap=st.integers(0, 19))
def test_windows_cover_the_text_and_overlap_as_requested(n: int, room: int, overlap: int) -> None:
    overlap = min(overlap, room - 1)
    starts, length, _ = cut(n, room=room, overlap=overlap)
    assert starts[0] == 0
    assert starts[-1] + length == n
    assert length == min(room, n)
    assert all(start + length - following >= overlap for start, following in itertools.pairwise(starts))
    assert (starts[1:] > starts[:-1]).all()


@pytest.mark.parametrize(("n", "room"), [(7, None), (7, 7), (7, 9)])
def test_a_text_that_fits_is_one_window(n: int, room: int | None) -> None:
    windows = cut(n, room=room, overlap=3)
    assert (windows.starts.tolist(), windows.length, windows.window.tolist()) == ([0], 7, [0] * 7)


def test_an_empty_text_has_no_window() -> None:
    assert len(cut(0, room=5, overlap=2).starts) == 0
