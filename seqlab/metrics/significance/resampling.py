"""Significance of the difference of two systems on the same records: paired bootstrap and approximate randomisation.

Records with equal counts are interchangeable, so it is enough to draw how often each kind of record is sampled (bootstrap,
multinomial) or exchanged (randomisation, binomial), instead of drawing records. The distribution is the same.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias, final

import numpy as np
from jaxtyping import Float, Int

Counts: TypeAlias = Float[np.ndarray, "kind count"]
Sizes: TypeAlias = Int[np.ndarray, " kind"]
"""Number of records of each kind."""

_CELLS = 1 << 22
"""Numbers in memory at once, whatever the number of records and resamples."""
_MAX_EXACT = 14
"""Largest number of different records for which all exchanges are enumerated."""
_TOLERANCE = 1e-12
"""Differences closer than this are ties, apart from rounding errors."""


@final
@dataclass(frozen=True)
class Score:
    """A score as a function of summed counts, with `counts` along the last axis."""

    name: str
    """Name for sentences, such as span F1."""
    counts: tuple[str, ...]
    of_sums: Callable[[np.ndarray], np.ndarray] = field(compare=False)  # a plugin's head may make a new function each time
    is_better_high: bool = True

    def of(self, counts: Float[np.ndarray, "record count"]) -> float:
        """Return the score of all records together."""
        return float(self.of_sums(counts.sum(0)))


@final
@dataclass(frozen=True)
class PairedTest:
    """Comparison of systems A and B on the same records; differences are A - B, in the unit of the score."""

    score: str
    n_records: int
    value_a: float
    value_b: float
    difference: float
    interval: tuple[float, float]
    """95 % confidence interval of the difference (percentile bootstrap)."""
    p_value: float
    """Share of random exchanges of A's and B's predictions with at least the same difference (two-sided)."""
    is_exact: bool
    """Whether all exchanges were enumerated, not sampled."""
    better_in: float
    """Share of bootstrap resamples in which the better system is still better."""
    n_different: int
    """Records with different counts."""
    n_resamples: int


def paired_test(
    a: Float[np.ndarray, "record count"], b: Float[np.ndarray, "record count"], *, score: Score, n_resamples: int, seed: int
) -> PairedTest:
    """Compare the counts of A and B for the same records.

    Sources: Efron and Tibshirani 1993, Koehn 2004 (bootstrap); Noreen 1989, Yeh 2000 (approximate randomisation).
    """
    # few kinds of records make the draws cheap, even for a large corpus
    kinds, sizes = np.unique(np.concatenate([a, b], axis=1), axis=0, return_counts=True)
    of_a, of_b = kinds[:, : a.shape[1]], kinds[:, a.shape[1] :]
    difference = score.of(a) - score.of(b)
    generator = np.random.default_rng(seed)
    draws = bootstrap_differences(of_a, of_b, sizes, score=score, n_resamples=n_resamples, generator=generator)
    low, high = np.percentile(draws, [2.5, 97.5]).tolist()
    p_value, is_exact = _exchanged(of_a, of_b, sizes, score=score, n_resamples=n_resamples, generator=generator)
    return PairedTest(
        score=score.name,
        n_records=len(a),
        value_a=score.of(a),
        value_b=score.of(b),
        difference=difference,
        interval=(low, high),
        p_value=p_value,
        is_exact=is_exact,
        better_in=float(np.mean(np.sign(draws) == np.sign(difference))),
        n_different=int(sizes[(of_a != of_b).any(1)].sum()),
        n_resamples=n_resamples,
    )


def bootstrap_differences(
    a: Counts, b: Counts, sizes: Sizes, *, score: Score, n_resamples: int, generator: np.random.Generator
) -> Float[np.ndarray, " resample"]:
    """Return A - B in each bootstrap resample; `sizes` has the number of records of each kind."""
    # in portions, to bound the memory
    shares = sizes / sizes.sum()
    drawn = (generator.multinomial(sizes.sum(), shares, size=n) for n in _portions(n_resamples, width=len(sizes)))
    return np.concatenate([score.of_sums(times @ a) - score.of_sums(times @ b) for times in drawn])


def _exchanged(
    a: Counts, b: Counts, sizes: Sizes, *, score: Score, n_resamples: int, generator: np.random.Generator
) -> tuple[float, bool]:
    """Return the p-value, and whether it is exact."""
    is_different = (a != b).any(1)
    change = (b - a)[is_different]
    total_a, total_b = sizes @ a, sizes @ b
    # the tolerance goes off here once, so that equal differences count as ties despite rounding
    observed = abs(score.of_sums(total_a) - score.of_sums(total_b)) - _TOLERANCE
    n_different = int(sizes[is_different].sum())

    def n_as_large(times: np.ndarray) -> int:
        moved = times @ change
        differences = score.of_sums(total_a + moved) - score.of_sums(total_b - moved)
        return int(np.count_nonzero(np.abs(differences) >= observed))

    if n_different <= _MAX_EXACT:
        # exact enumeration needs each record on its own, because equal records are exchanged one by one
        change = np.repeat(change, sizes[is_different], axis=0)
        numbers = np.arange(1 << n_different)
        # bit i of a number says whether it exchanges record i
        bits = (numbers[:, None] >> np.arange(n_different)) & 1
        return n_as_large(bits) / len(numbers), True
    portions = _portions(n_resamples, width=len(change))
    n = sum(n_as_large(generator.binomial(sizes[is_different], 0.5, size=(n, len(change)))) for n in portions)
    return (n + 1) / (n_resamples + 1), False  # the observed difference is one of the exchanges


def _portions(n_resamples: int, *, width: int) -> Iterator[int]:
    size = max(1, _CELLS // max(1, width))
    for start in range(0, n_resamples, size):
        yield min(size, n_resamples - start)


def _ratio(numerator: np.ndarray | np.number, denominator: np.ndarray | np.number) -> np.ndarray:
    """Return the quotient; 0 if the denominator is 0."""
    return np.asarray(numerator / np.where(denominator > 0, denominator, np.inf))


def f1(name: str) -> Score:
    """Return F1, computed from the numbers of correct, predicted and gold items."""
    counts = ("n_correct", "n_predicted", "n_gold")
    return Score(name, counts, lambda sums: _ratio(2 * sums[..., 0], sums[..., 1] + sums[..., 2]))


def share(name: str) -> Score:
    """Return the share of correct decisions."""
    return Score(name, ("n_right", "n_decisions"), lambda sums: _ratio(sums[..., 0], sums[..., 1]))


def per_label(name: str) -> Score:
    """Return the number of edits per gold label; without labels, the number of edits."""
    counts = ("n_edits", "n_labels")
    return Score(name, counts, lambda sums: np.asarray(sums[..., 0] / np.maximum(1, sums[..., 1])), is_better_high=False)
