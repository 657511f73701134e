"""Choose spans of a record greedily: the best first, and none that crosses a better one."""

from collections.abc import Sequence


def best_spans(spans: Sequence[tuple[int, int]], gains: Sequence[float], *, can_nest: bool) -> list[int]:
    """Return the indices of the chosen ones among distinct (start, end), by start, the wider of two first.

    Spans are taken in the order of their gains. One that crosses a span already taken, or, unless spans can nest, shares a step
    with it, is skipped. Of equal gains, the span that starts first is taken, then the narrower one.
    """
    chosen: list[int] = []
    taken: list[tuple[int, int]] = []
    for i in sorted(range(len(spans)), key=lambda i: (-gains[i], spans[i])):
        start, end = spans[i]
        # overlapping spans cross if both ends of one lie before those of the other; else one lies within the other
        if not any(start < b and a < end and (not can_nest or (a - start) * (b - end) > 0) for a, b in taken):
            chosen.append(i)
            taken.append((start, end))
    return sorted(chosen, key=lambda i: (spans[i][0], -spans[i][1]))
