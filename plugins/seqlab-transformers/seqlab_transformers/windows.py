"""Long texts in overlapping windows, without loss: each subword is read in the window that shows most around it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int


class Windows(NamedTuple):
    """Windows over the subwords of a text; each but a lone one is full."""

    starts: Int[np.ndarray, " window"]
    length: int
    """Subwords of each."""
    window: Int[np.ndarray, " subword"]
    """The window that each subword is read in."""


def cut(n_subwords: int, *, room: int | None, overlap: int) -> Windows:
    """Return windows of at most `room` subwords (None: without end) over a text, neighbours sharing `overlap` of them at least.

    The last window ends with the text, so it may share more. The middle of a shared stretch divides it: up to there a subword
    has as many neighbours in the first window, from there on in the second. A text without subwords has no window.
    """
    if not n_subwords:
        return Windows(np.zeros(0, dtype=np.int64), 0, np.zeros(0, dtype=np.int64))
    length = n_subwords if room is None else min(room, n_subwords)
    starts = np.arange(0, n_subwords - length + 1, max(1, length - overlap), dtype=np.int64)
    if starts[-1] + length < n_subwords:
        starts = np.append(starts, n_subwords - length)
    middles = (starts[:-1] + length + starts[1:] + 1) // 2
    return Windows(starts, length, np.searchsorted(middles, np.arange(n_subwords), side="right"))
