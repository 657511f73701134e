"""How much of a score's variance a setting explains on its own, and whether that could be chance."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqlab.report.analysis.trials import Setting

N_SHUFFLES = 999
MAX_LEVELS = 6
"""Numbers with more distinct values are binned into `N_CLASSES` classes of about equal size."""
N_CLASSES = 4


class Explained(NamedTuple):
    """What one setting explains."""

    share: float
    """Epsilon squared of a one-way analysis of variance (Kelley 1935): the share of variance between the levels, corrected
    for chance; at least 0."""
    chance: float
    """Share of random permutations of the scores that explain at least as much."""
    n_levels: int


def explained(settings: Sequence[Setting], scores: Sequence[float]) -> Explained | None:
    """Return what a setting explains; None if no level repeats or the scores or settings are all equal."""
    levels = levels_of(settings)
    # By `repr`: settings may be of several types, which NumPy cannot sort together.
    codes = np.unique(np.array([repr(level) for level in levels]), return_inverse=True)[1]
    values = np.asarray(scores, dtype=np.float64)
    n, k = len(values), int(codes.max(initial=0)) + 1
    total = float(((values - values.mean()) ** 2).sum()) if n else 0.0
    if k < 2 or n <= k or total <= 0:
        return None
    within = _within(values, codes)
    # A fixed seed, so that the same sweep gives the same report.
    generator = np.random.default_rng(0)
    shuffled = [_within(generator.permutation(values), codes) for _ in range(N_SHUFFLES)]
    # Equal partitions can differ in the last bits, depending on the order of the sums.
    n_as_good = sum(other <= within * (1 + 1e-12) for other in shuffled)
    # Means of squares rather than sums: many levels explain some variance by chance.
    share = 1 - (within / (n - k)) / (total / (n - 1))
    # The real order counts as one of the permutations, so the chance is never 0.
    return Explained(max(0.0, share), (1 + n_as_good) / (1 + N_SHUFFLES), k)


def levels_of(settings: Sequence[Setting]) -> list[Setting]:
    """Return the settings as levels; numbers with many values become classes named `low to high`."""
    # bool is a subclass of int, but True and False are names, not sizes.
    numbers = [value for value in settings if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(settings) or len(set(numbers)) <= MAX_LEVELS:
        return list(settings)
    ordered = np.sort(np.asarray(numbers, dtype=np.float64))
    # Quantiles, so that values on a log scale spread over the classes, too.
    edges = [ordered[len(ordered) * i // N_CLASSES] for i in range(1, N_CLASSES)]
    classes = np.searchsorted(edges, numbers, side="right")
    names = []
    for each in range(N_CLASSES):
        members = [number for number, of in zip(numbers, classes, strict=True) if of == each]
        names.append(f"{min(members):.3g} to {max(members):.3g}" if members else "")
    return [names[of] for of in classes]


def _within(values: np.ndarray, codes: np.ndarray) -> float:
    """Return the sum of squares within the levels."""
    counts = np.bincount(codes)
    means = np.bincount(codes, weights=values) / counts
    return float(((values - means[codes]) ** 2).sum())
