"""Classes of lengths."""

from collections.abc import Iterable, Sequence

LENGTHS = (1, 2, 5, 10, 20, 40)
"""Lower bounds of the length classes, in steps."""


def length_class(length: int, *, lows: Sequence[int] = LENGTHS) -> str:
    """Return the name of the class that a length falls into, such as `5-9`."""
    if length < lows[0]:
        return str(length)
    # Lengths below the first bound have no class and stay as they are.
    at = max(i for i, low in enumerate(lows) if low <= length)
    if at + 1 == len(lows):
        return f"{lows[at]} or more"
    high = lows[at + 1] - 1
    return str(high) if high == lows[at] else f"{lows[at]}-{high}"


def in_order(names: Iterable[str]) -> list[str]:
    """Sort length classes from short to long."""
    # Names begin with the lower bound: `5-9`, `40 or more`.
    return sorted(names, key=lambda name: int(name.split("-")[0].split()[0]))
