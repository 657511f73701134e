"""Precision of spans above each confidence threshold, to choose the threshold for a required precision."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Float


class CurvePoint(NamedTuple):
    """The spans that a threshold keeps."""

    threshold: float
    """Lowest confidence of the kept spans."""
    n_kept: int
    n_correct: int

    @property
    def precision(self) -> float:
        """Share of correct spans among the kept."""
        return self.n_correct / self.n_kept


@final
@dataclass(frozen=True)
class PrecisionCurve:
    """The thresholds with a higher precision than all lower ones, in ascending order.

    A threshold lies halfway between two confidences, so that rounding errors do not matter; the lowest is 0.
    """

    n_gold: int
    points: Sequence[CurvePoint]

    @classmethod
    def of(cls, confidences: Sequence[float], is_correct: Sequence[bool], *, n_gold: int) -> "PrecisionCurve":
        """Return the curve of the spans of one type, of which gold has `n_gold`."""
        order = np.argsort(confidences, kind="stable")
        ordered, right = np.asarray(confidences, dtype=np.float64)[order], np.asarray(is_correct, dtype=np.int64)[order]
        values, firsts = np.unique(ordered, return_index=True)
        n_kept = len(ordered) - firsts
        # reversed sums: a threshold keeps all spans from its confidence upwards
        n_correct = np.add.reduceat(right, firsts)[::-1].cumsum()[::-1] if len(right) else right
        precisions = n_correct / n_kept
        # -1 in front, so that the lowest threshold always has a point
        is_higher = precisions > np.maximum.accumulate(np.append(-1.0, precisions))[:-1]
        rows = zip(*(row[is_higher].tolist() for row in (_between(values), n_kept, n_correct)), strict=True)
        return cls(n_gold, [CurvePoint(*row) for row in rows])

    def at(self, min_precision: float) -> CurvePoint | None:
        """Return the lowest threshold with at least this precision; None if there is none."""
        return next((point for point in self.points if point.precision >= min_precision), None)

    def recall(self, point: CurvePoint | None) -> float:
        """Return the recall of the kept spans; None keeps no spans."""
        return point.n_correct / self.n_gold if point and self.n_gold else 0.0

    def content(self) -> dict[str, Any]:
        """Return the curve as JSON values."""
        return {"n_gold": self.n_gold, "points": [list(point) for point in self.points]}

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> "PrecisionCurve":
        """Return the curve with this `content`."""
        points = [CurvePoint(float(threshold), int(kept), int(correct)) for threshold, kept, correct in content["points"]]
        return cls(int(content["n_gold"]), points)


def precision_curves(judged: Iterable[tuple[str, float, bool]], *, n_gold: Mapping[str, int]) -> dict[str, PrecisionCurve]:
    """Return the curve of each type, sorted by type.

    Args:
        judged: Type, confidence and correctness of each predicted span.
        n_gold: Type -> number of gold spans.
    """
    by_label: dict[str, list[tuple[float, bool]]] = {label: [] for label in n_gold}
    for label, confidence, is_correct in judged:
        by_label.setdefault(label, []).append((confidence, is_correct))
    curves = {}
    for label, spans in sorted(by_label.items()):
        confidences, are_correct = [confidence for confidence, _ in spans], [is_correct for _, is_correct in spans]
        curves[label] = PrecisionCurve.of(confidences, are_correct, n_gold=n_gold.get(label, 0))
    return curves


def _between(values: Float[np.ndarray, " value"]) -> Float[np.ndarray, " value"]:
    """Return a threshold between each of the ascending `values` and the previous one; 0 for the first."""
    # halfway rounds to the lower value if two confidences are adjacent floats
    halfway = (values[:-1] + values[1:]) / 2
    return np.append(0.0, np.where(halfway > values[:-1], halfway, values[1:]))[: len(values)]
