"""Cut long texts into overlapping windows; each subword is read in the window that shows most of its context."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int


class Windows(NamedTuple):
    """Windows of equal length over the subwords of a text."""

    starts: Int[np.ndarray, " window"]
    length: int
    """Subwords per window."""
    window: Int[np.ndarray, " subword"]
    """The window in which each subword is read."""


def cut(n_subwords: int, *, room: int | None, overlap: int) -> Windows:
    """Cut a text into windows of at most `room` subwords (None: no limit) that share at least `overlap` with their neighbours.

    The last window ends with the text, so it may share more. Shared subwords are split at the middle: the first half is read
    in the earlier window and the second half in the later one, where each has more context. A text without subwords has no
    windows.
    """
    if not n_subwords:
        return Windows(np.zeros(0, dtype=np.int64), 0, np.zeros(0, dtype=np.int64))
    length = n_subwords if room is None else min(room, n_subwords)
    starts = np.arange(0, n_subwords - length + 1, max(1, length - overlap), dtype=np.int64)
    if starts[-1] + length < n_subwords:
        starts = np.append(starts, n_subwords - length)
    middles = (starts[:-1] + length + starts[1:] + 1) // 2
    return Windows(starts, length, np.searchsorted(middles, np.arange(n_subwords), side="right"))
