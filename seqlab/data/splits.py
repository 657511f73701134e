"""Train, val and test: their names, and which of them owns what, where the data comes without an official split."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from math import isclose
from typing import final

from seqlab.errors import ConfigError, DataError

SPLITS = ("train", "val", "test")


def known_split(name: str, *, corpus: str) -> str:
    """Return `name` where it is a split.

    Raises: DataError where it is none.
    """
    if name not in SPLITS:
        raise DataError(f"{name}: no split of {corpus}; expected {', '.join(SPLITS)}: set data.splits")
    return name


@final
@dataclass(frozen=True)
class HashedSplits:
    """Gives each name to one split, by a hash of it: the same on every machine, whatever other names there are.

    `shares` says how much of all names each split gets.

    Raises: ConfigError for other splits than train, val and test, and for shares that do not add up to 1.
    """

    shares: Mapping[str, float]
    seed: int

    def __post_init__(self) -> None:
        is_whole = isclose(sum(self.shares.values()), 1.0) and min(self.shares.values(), default=0.0) >= 0.0
        if set(self.shares) != set(SPLITS) or not is_whole:
            expected = f"expected {', '.join(SPLITS)}, together 1: set data.reader.shares"
            raise ConfigError(f"shares is {dict(self.shares)}; {expected}")

    def owner(self, name: str) -> str:
        """Return the split that `name` belongs to."""
        digest = blake2b(f"{self.seed} {name}".encode(), digest_size=8).digest()
        point, total = int.from_bytes(digest, "big") / 2**64, 0.0
        for split in SPLITS[:-1]:
            total += self.shares[split]
            if point < total:
                return split
        return SPLITS[-1]
