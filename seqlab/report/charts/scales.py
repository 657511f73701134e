"""Map values to positions in a picture, and choose round ticks."""

import math
from collections.abc import Sequence
from typing import NamedTuple

_STEPS = (1, 2, 2.5, 5, 10)
_TINY = 0.001
"""Smaller numbers are shown with an exponent."""


class Scale(NamedTuple):
    """Maps `low` to `start` and `high` to `end`, linearly or by logarithm."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    @classmethod
    def of(cls, values: Sequence[float], *, start: float, end: float, is_log: bool = False) -> "Scale":
        """Return a scale that holds all finite `values` with a margin; a log scale ignores values of 0 and below."""
        finite = [v for v in values if math.isfinite(v) and (v > 0 or not is_log)] or [1.0]
        low, high = min(finite), max(finite)
        if is_log:
            return cls(low / 1.2, high * 1.2, start, end, is_log=True)
        # Equal values would make a scale of width 0; a single 0 gets half a unit on each side.
        margin = (high - low) * 0.04 or abs(high) * 0.05 or 0.5
        return cls(low - margin, high + margin, start, end)

    def place(self, value: float) -> float:
        """Return the position of a value."""
        low, high, at = self.low, self.high, value
        if self.is_log:
            # Zeros have no logarithm; a tiny value puts them far below the frame.
            low, high, at = math.log(low), math.log(high), math.log(max(value, 1e-300))
        return self.start + (self.end - self.start) * (at - low) / (high - low)

    def ticks(self, n: int) -> list[float]:
        """Return about `n` round values within the scale."""
        if self.is_log:
            return self._powers(n)
        raw = (self.high - self.low) / n
        unit = 10.0 ** math.floor(math.log10(raw))
        # The factors end at 10 units, and `raw` is below 10 units, so one is always found.
        step = next(unit * factor for factor in _STEPS if unit * factor >= raw)
        first = math.ceil(self.low / step)
        # Rounding removes digits like those of 3 * 0.1.
        return [round(i * step, 12) for i in range(first, math.floor(self.high / step) + 1)]

    def _powers(self, n: int) -> list[float]:
        low, high = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        # Within one power of ten there are no round powers, so the ticks divide the scale evenly.
        if high - low < 1:
            return [self.low * (self.high / self.low) ** (i / 3) for i in range(4)]
        return [10.0**power for power in range(low, high + 1, math.ceil((high - low + 1) / n))]


def tick_name(value: float) -> str:
    """Return a short name for a value, such as 120k for 120,000."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * unit:
            return f"{value / unit:.4g}{letter}"
    if value == int(value):
        return str(int(value))
    return f"{value:.1e}" if abs(value) < _TINY else f"{value:.3g}"
