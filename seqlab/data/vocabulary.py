"""Vocabularies: strings <-> ids, most frequent first."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from jaxtyping import Int

PADDING: Final = 0
UNKNOWN: Final = 1
N_RESERVED: Final = 2


class Vocabulary:
    """Strings with ids from `N_RESERVED` on; 0 is padding and 1 any string that is not in it."""

    def __init__(self, items: Iterable[str]) -> None:
        self.items = list(items)
        self._ids = {item: i for i, item in enumerate(self.items, start=N_RESERVED)}

    @classmethod
    def from_counts(cls, counts: Mapping[str, int], *, min_count: int) -> "Vocabulary":
        """Return the strings that occur at least `min_count` times, most frequent first, ties in alphabetical order."""
        frequent = ((item, n) for item, n in counts.items() if n >= min_count)
        return cls(item for item, _ in sorted(frequent, key=lambda pair: (-pair[1], pair[0])))

    def __len__(self) -> int:
        """Return the number of ids, padding and unknown included: the rows of an embedding table."""
        return len(self.items) + N_RESERVED

    def __contains__(self, item: str) -> bool:
        """Return whether `item` has an id of its own."""
        return item in self._ids

    def ids(self, items: Sequence[str]) -> Int[np.ndarray, " item"]:
        """Return the id of each of `items`."""
        get = self._ids.get
        return np.fromiter((get(item, UNKNOWN) for item in items), dtype=np.int64, count=len(items))
