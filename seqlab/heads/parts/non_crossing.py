"""Choose spans of a record greedily: the best first, and none that crosses a better one."""

from collections.abc import Sequence


def best_spans(spans: Sequence[tuple[int, int]], gains: Sequence[float], *, can_nest: bool) -> list[int]:
    """Return the indices of the chosen ones among distinct (start, end), by start, the wider of two first.

    Spans are taken in the order of their gains. One that crosses a span already taken, or, unless spans can nest, shares a step
    with it, is skipped. Of equal gains, the span that starts first is taken, then the narrower one.
    """
    chosen: list[int] = []
    taken = _Nested() if can_nest else _Flat()
    for i in sorted(range(len(spans)), key=lambda i: (-gains[i], spans[i])):
        if taken.leaves_room(*spans[i]):
            taken.add(*spans[i])
            chosen.append(i)
    return sorted(chosen, key=lambda i: (spans[i][0], -spans[i][1]))


class _Flat:
    """Spans that share no step."""

    def __init__(self) -> None:
        self._steps: set[int] = set()

    def leaves_room(self, start: int, end: int) -> bool:
        return self._steps.isdisjoint(range(start, end))

    def add(self, start: int, end: int) -> None:
        self._steps.update(range(start, end))


class _Nested:
    """Spans that do not cross: two of them are apart, or one is within the other."""

    def __init__(self) -> None:
        self._last_ends: dict[int, int] = {}
        """Start -> the last end of a span from there."""
        self._first_starts: dict[int, int] = {}
        """End -> the first start of a span up to there."""

    def leaves_room(self, start: int, end: int) -> bool:
        borders = range(start + 1, end)
        is_left = any(self._last_ends.get(border, end) > end for border in borders)
        return not is_left and not any(self._first_starts.get(border, start) < start for border in borders)

    def add(self, start: int, end: int) -> None:
        self._last_ends[start] = max(end, self._last_ends.get(start, end))
        self._first_starts[end] = min(start, self._first_starts.get(end, start))
