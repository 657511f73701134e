"""Pareto fronts."""

from collections.abc import Sequence


def on_front(points: Sequence[Sequence[float]], *, is_high: Sequence[bool]) -> list[bool]:
    """Return for each point whether no other is at least as good in every objective and better in one."""
    # With costs negated, higher is better in every objective.
    signed = [[value if high else -value for value, high in zip(point, is_high, strict=True)] for point in points]
    return [not any(_beats(other, point) for other in signed) for point in signed]


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)
