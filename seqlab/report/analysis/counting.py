"""Counts of gold, predicted and correct items, and classes of lengths."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

LENGTHS = (1, 2, 5, 10, 20, 40)
"""Lower bounds of the length classes, in steps."""


@final
@dataclass
class Tally:
    """Counts of gold items, predicted items, and items that are both."""

    n_gold: int = 0
    n_predicted: int = 0
    n_correct: int = 0

    def add(self, gold: object, predicted: object) -> None:
        """Count one pair; None where gold or the prediction is missing."""
        self.n_gold += gold is not None
        self.n_predicted += predicted is not None
        self.n_correct += gold is not None and gold == predicted

    @property
    def precision(self) -> float | None:
        """None without predictions."""
        return self.n_correct / self.n_predicted if self.n_predicted else None

    @property
    def recall(self) -> float | None:
        """None without gold."""
        return self.n_correct / self.n_gold if self.n_gold else None

    @property
    def f1(self) -> float | None:
        """None with neither."""
        total = self.n_gold + self.n_predicted
        return 2 * self.n_correct / total if total else None


def length_class(length: int, *, lows: Sequence[int] = LENGTHS) -> str:
    """Return the name of the class that a length falls into, such as `5-9`."""
    if length < lows[0]:
        return str(length)
    at = max(i for i, low in enumerate(lows) if low <= length)
    if at + 1 == len(lows):
        return f"{lows[at]} or more"
    high = lows[at + 1] - 1
    return str(high) if high == lows[at] else f"{lows[at]}-{high}"


def in_order(names: Iterable[str]) -> list[str]:
    """Sort length classes from short to long."""
    return sorted(names, key=lambda name: int(name.split("-")[0].split()[0]))
