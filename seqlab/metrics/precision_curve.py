"""How precise spans are from each confidence on: what a threshold for a wanted precision is chosen by."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Float


class CurvePoint(NamedTuple):
    """What is kept by a threshold."""

    threshold: float
    """Spans at least as sure are kept."""
    n_kept: int
    n_correct: int

    @property
    def precision(self) -> float:
        """Share of the kept spans that is right."""
        return self.n_correct / self.n_kept


@final
@dataclass(frozen=True)
class PrecisionCurve:
    """The thresholds, from low to high, that give a higher precision than every lower one does.

    A threshold lies halfway between two confidences, so that what rounding does to them decides nothing; the lowest is 0.
    """

    n_gold: int
    points: Sequence[CurvePoint]

    @classmethod
    def of(cls, confidences: Sequence[float], is_correct: Sequence[bool], *, n_gold: int) -> "PrecisionCurve":
        """Return the curve of spans of one type, `n_gold` of which there should have been."""
        order = np.argsort(confidences, kind="stable")
        sure, right = np.asarray(confidences, dtype=np.float64)[order], np.asarray(is_correct, dtype=np.int64)[order]
        values, firsts = np.unique(sure, return_index=True)
        n_kept = len(sure) - firsts
        n_correct = np.add.reduceat(right, firsts)[::-1].cumsum()[::-1] if len(right) else right
        precisions = n_correct / n_kept
        is_higher = precisions > np.maximum.accumulate(np.append(-1.0, precisions))[:-1]
        rows = zip(*(row[is_higher].tolist() for row in (_between(values), n_kept, n_correct)), strict=True)
        return cls(n_gold, [CurvePoint(*row) for row in rows])

    def at(self, min_precision: float) -> CurvePoint | None:
        """Return what the lowest threshold with that precision keeps; None where none has it, or no span was found."""
        return next((point for point in self.points if point.precision >= min_precision), None)

    def recall(self, point: CurvePoint | None) -> float:
        """Return the share of the gold spans that is right among the kept; None keeps nothing."""
        return point.n_correct / self.n_gold if point and self.n_gold else 0.0

    def content(self) -> dict[str, Any]:
        """Return the curve as JSON has it."""
        return {"n_gold": self.n_gold, "points": [list(point) for point in self.points]}

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> "PrecisionCurve":
        """Return the curve of `content`."""
        points = [CurvePoint(float(threshold), int(kept), int(correct)) for threshold, kept, correct in content["points"]]
        return cls(int(content["n_gold"]), points)


def precision_curves(judged: Iterable[tuple[str, float, bool]], *, n_gold: Mapping[str, int]) -> dict[str, PrecisionCurve]:
    """Return the curve of each type, sorted by type.

    `judged` has type, confidence and rightness of every span found, `n_gold` how many of each type there should have been.
    """
    by_label: dict[str, list[tuple[float, bool]]] = {label: [] for label in n_gold}
    for label, sure, is_right in judged:
        by_label.setdefault(label, []).append((sure, is_right))
    curves = {}
    for label, of_label in sorted(by_label.items()):
        confidences, is_correct = [sure for sure, _ in of_label], [is_right for _, is_right in of_label]
        curves[label] = PrecisionCurve.of(confidences, is_correct, n_gold=n_gold.get(label, 0))
    return curves


def _between(values: Float[np.ndarray, " value"]) -> Float[np.ndarray, " value"]:
    """Return a threshold below each of the rising `values` and above the one before; 0 below the first."""
    halfway = (values[:-1] + values[1:]) / 2
    thresholds: Float[np.ndarray, " value"] = np.append(0.0, np.where(halfway > values[:-1], halfway, values[1:]))
    return thresholds[: len(values)]
