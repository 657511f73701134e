"""Scores that follow from counts that add up over records: whatever is drawn of the records, their sums are enough."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float


@final
@dataclass(frozen=True)
class Score:
    """A score as a function of summed counts, whose last axis has one place for each of `counts`."""

    name: str
    """In a sentence: span F1."""
    counts: tuple[str, ...]
    of_sums: Callable[[np.ndarray], np.ndarray]
    is_better_high: bool = True

    def of(self, counts: Float[np.ndarray, "record count"]) -> float:
        """Return the score of all records together."""
        return float(self.of_sums(counts.sum(0)))


def _ratio(numerator: np.ndarray | np.number, denominator: np.ndarray | np.number) -> np.ndarray:
    """Return the quotient, 0 where it is not defined."""
    return np.asarray(numerator / np.where(denominator > 0, denominator, np.inf))


def _f1(sums: np.ndarray) -> np.ndarray:
    return _ratio(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


def _share(sums: np.ndarray) -> np.ndarray:
    return _ratio(sums[..., 0], sums[..., 1])


def _per_label(sums: np.ndarray) -> np.ndarray:
    return np.asarray(sums[..., 0] / np.maximum(1, sums[..., 1]))


def f1(name: str) -> Score:
    """Return F1, the harmonic mean of precision and recall: of what is right, predicted, and in gold."""
    return Score(name, ("n_correct", "n_predicted", "n_gold"), _f1)


def share(name: str) -> Score:
    """Return the share of decisions that are right."""
    return Score(name, ("n_right", "n_decisions"), _share)


def per_label(name: str) -> Score:
    """Return edits per gold label; their number, where there is no label."""
    return Score(name, ("n_edits", "n_labels"), _per_label, is_better_high=False)
