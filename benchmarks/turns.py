"""Time several implementations alternately in one process, so that other load on the machine affects all of them alike."""

import random
import statistics
import time
from collections.abc import Callable, Mapping


def seconds(run: Callable[[], object]) -> float:
    """Return the running time of `run` in seconds."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def alternate(runs: Mapping[str, Callable[[], object]], *, repeats: int) -> dict[str, list[float]]:
    """Return the times of each run in seconds, after one warm-up of each."""
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name in random.sample(list(runs), len(runs)):  # a new order each time: a run affects the caches of the next
            times[name].append(seconds(runs[name]))
    return times


def compare(ours: Callable[[], object], theirs: Callable[[], object], *, repeats: int, name: str) -> str:
    """Return the speed-up of `ours` over `theirs` by median times, with both times in milliseconds; `name` is theirs."""
    ours(), theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(repeats)]
    our_median, their_median = (1000 * statistics.median(times) for times in zip(*pairs, strict=True))
    return f"{their_median / our_median:6.2f}x  ({our_median:7.2f} ms, {name} {their_median:8.2f} ms)"
