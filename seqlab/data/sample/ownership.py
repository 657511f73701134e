"""Assignment of names to splits by hash: the same on all machines, without a table."""

from dataclasses import dataclass
from typing import final
from zlib import crc32

from seqlab.data.splits import split_at

_SHARED_PERCENT = 75
_PART_PERCENTS = {"train": 60, "val": 20, "test": 20}
_SURFACE_PERCENTS = {"train": 50, "val": 25, "test": 25}


@final
@dataclass(frozen=True)
class Ownership:
    """The names of one split.

    A full name, in upper or lower case, belongs to exactly one split. Three quarters of the words in names may occur in all
    splits, each of the others in one only.

    Args:
        seed: Seed of the corpus.
        split: The split.
    """

    seed: int
    split: str

    def owns(self, surface: str) -> bool:
        """Return whether the full name belongs to this split."""
        return split_at(self._percent(surface, salt="whole"), shares=_SURFACE_PERCENTS) == self.split

    def may_use(self, word: str) -> bool:
        """Return whether names of this split may contain `word`."""
        if self._percent(word, salt="shared") < _SHARED_PERCENT:
            return True
        return split_at(self._percent(word, salt="part"), shares=_PART_PERCENTS) == self.split

    def _percent(self, text: str, *, salt: str) -> float:
        # Knuth's multiplier carries the low bits of the checksum to the top ones, which pick the percentage.
        mixed = crc32(f"{salt} {self.seed} {text.lower()}".encode()) * 2654435761 % 2**32
        return mixed / 2**32 * 100
