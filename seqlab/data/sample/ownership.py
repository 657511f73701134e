"""Which split may use which name: the same answer on every machine, without a table."""

from dataclasses import dataclass
from typing import final
from zlib import crc32

_SHARED_PERCENT = 75
_PART_PERCENTS = {"train": 60, "val": 20, "test": 20}
_SURFACE_PERCENTS = {"train": 50, "val": 25, "test": 25}


@final
@dataclass(frozen=True)
class Ownership:
    """Names of one `split` in the corpus with this `seed`.

    A whole name (a surface form, whatever its case) belongs to exactly one split. Of the words that names are made of,
    three quarters may occur in any split, each of the others in one only.
    """

    seed: int
    split: str

    def owns(self, surface: str) -> bool:
        """Return whether the whole name belongs to this split."""
        return _owner(self._percent(surface, salt="whole"), _SURFACE_PERCENTS) == self.split

    def may_use(self, word: str) -> bool:
        """Return whether this split may make names out of `word`."""
        if self._percent(word, salt="shared") < _SHARED_PERCENT:
            return True
        return _owner(self._percent(word, salt="part"), _PART_PERCENTS) == self.split

    def _percent(self, text: str, *, salt: str) -> float:
        # Knuth's multiplier carries the low bits of the checksum to the top ones, which pick the percentage.
        mixed = crc32(f"{salt} {self.seed} {text.lower()}".encode()) * 2654435761 % 2**32
        return mixed / 2**32 * 100


def _owner(percent: float, shares: dict[str, int]) -> str:
    total = 0
    for split, share in shares.items():
        total += share
        if percent < total:
            return split
    raise AssertionError(f"the shares {shares} do not add up to 100")
