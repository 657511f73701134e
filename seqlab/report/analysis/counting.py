"""Right and wrong, counted by whatever answers are grouped by."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

LENGTHS = (1, 2, 5, 10, 20, 40)
"""Lower ends of the classes of lengths, in steps."""


@final
@dataclass
class Tally:
    """Numbers of gold items, of those predicted, and of those that are both."""

    n_gold: int = 0
    n_said: int = 0
    n_correct: int = 0

    def add(self, gold: object, said: object) -> None:
        """Count a gold item and one that was said, None where there is none; equal ones are right."""
        self.n_gold += gold is not None
        self.n_said += said is not None
        self.n_correct += gold is not None and gold == said

    @property
    def precision(self) -> float | None:
        """None where nothing was predicted."""
        return self.n_correct / self.n_said if self.n_said else None

    @property
    def recall(self) -> float | None:
        """None where there is no gold."""
        return self.n_correct / self.n_gold if self.n_gold else None

    @property
    def f1(self) -> float | None:
        """None where there is neither."""
        total = self.n_gold + self.n_said
        return 2 * self.n_correct / total if total else None


def length_class(length: int, *, lows: Sequence[int] = LENGTHS) -> str:
    """Return the name of the class of a length, such as `5-9`."""
    if length < lows[0]:
        return str(length)
    at = max(i for i, low in enumerate(lows) if low <= length)
    if at + 1 == len(lows):
        return f"{lows[at]} or more"
    high = lows[at + 1] - 1
    return str(high) if high == lows[at] else f"{lows[at]}-{high}"


def in_order(names: Iterable[str]) -> list[str]:
    """Return classes of lengths from short to long."""
    return sorted(names, key=lambda name: int(name.split("-")[0].split()[0]))
