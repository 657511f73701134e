"""Scores computed from sums of counts over records, so that any sample of records can be scored."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float


@final
@dataclass(frozen=True)
class Score:
    """A score as a function of summed counts, with `counts` along the last axis."""

    name: str
    """Name for sentences, such as span F1."""
    counts: tuple[str, ...]
    of_sums: Callable[[np.ndarray], np.ndarray]
    is_better_high: bool = True

    def of(self, counts: Float[np.ndarray, "record count"]) -> float:
        """Return the score of all records together."""
        return float(self.of_sums(counts.sum(0)))


def _ratio(numerator: np.ndarray | np.number, denominator: np.ndarray | np.number) -> np.ndarray:
    """Return the quotient; 0 if the denominator is 0."""
    return np.asarray(numerator / np.where(denominator > 0, denominator, np.inf))


def _f1(sums: np.ndarray) -> np.ndarray:
    return _ratio(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


def _share(sums: np.ndarray) -> np.ndarray:
    return _ratio(sums[..., 0], sums[..., 1])


def _per_label(sums: np.ndarray) -> np.ndarray:
    return np.asarray(sums[..., 0] / np.maximum(1, sums[..., 1]))


def f1(name: str) -> Score:
    """Return F1, computed from the numbers of correct, predicted and gold items."""
    return Score(name, ("n_correct", "n_predicted", "n_gold"), _f1)


def share(name: str) -> Score:
    """Return the share of correct decisions."""
    return Score(name, ("n_right", "n_decisions"), _share)


def per_label(name: str) -> Score:
    """Return the number of edits per gold label; without labels, the number of edits."""
    return Score(name, ("n_edits", "n_labels"), _per_label, is_better_high=False)
