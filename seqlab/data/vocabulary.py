"""Vocabularies: ids of strings, most frequent first."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Final

import numpy as np
from jaxtyping import Int

PADDING: Final = 0
UNKNOWN: Final = 1
N_RESERVED: Final = 2


def by_frequency(counts: Mapping[str, int], *, min_count: int = 1) -> list[str]:
    """Return the strings that occur at least `min_count` times, most frequent first, ties in alphabetical order."""
    # alphabetical ties make the ids independent of the order of the records
    frequent = ((item, n) for item, n in counts.items() if n >= min_count)
    return [item for item, _ in sorted(frequent, key=lambda pair: (-pair[1], pair[0]))]


class Vocabulary:
    """Strings with ids from `N_RESERVED`; id 0 is padding, and id 1 stands for all strings outside the vocabulary.

    Args:
        items: Distinct strings in the order of their ids.
    """

    def __init__(self, items: Iterable[str]) -> None:
        self.items = list(items)
        self._ids = {item: i for i, item in enumerate(self.items, start=N_RESERVED)}

    @classmethod
    def from_counts(cls, counts: Mapping[str, int], *, min_count: int) -> "Vocabulary":
        """Return the vocabulary of the strings that occur at least `min_count` times."""
        return cls(by_frequency(counts, min_count=min_count))

    def after(self, earlier: "Vocabulary") -> "Vocabulary":
        """Return the vocabulary of the earlier items and, after them, those that only this one has."""
        return Vocabulary(dict.fromkeys([*earlier.items, *self.items]))

    def __len__(self) -> int:
        """Return the number of ids with padding and unknown: the rows of an embedding table."""
        return len(self.items) + N_RESERVED

    def __contains__(self, item: str) -> bool:
        """Return whether `item` has an id of its own."""
        return item in self._ids

    def ids(self, items: Sequence[str]) -> Int[np.ndarray, " item"]:
        """Return the id of each of `items`."""
        return np.fromiter(map(self._ids.get, items, repeat(UNKNOWN)), dtype=np.int64, count=len(items))
