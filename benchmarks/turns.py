"""Two ways to do the same, timed in turns in one process: what benchmarks against other libraries share."""

import statistics
import time
from collections.abc import Callable


def seconds(run: Callable[[], object]) -> float:
    """Return the seconds that `run` takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compare(ours: Callable[[], object], theirs: Callable[[], object], *, repeats: int, name: str) -> str:
    """Return how many times as fast ours is, by the median times, and both in milliseconds; `name` is that of theirs."""
    ours(), theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(repeats)]
    our_median, their_median = (1000 * statistics.median(times) for times in zip(*pairs, strict=True))
    return f"{their_median / our_median:6.2f}x  ({our_median:7.2f} ms, {name} {their_median:8.2f} ms)"
