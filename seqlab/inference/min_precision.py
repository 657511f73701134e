"""Keep only spans confident enough for a wanted precision.

The threshold of a type is the lowest span confidence that reached the precision on the validation records. If none did, or the
validation records have no prediction of the type, there is no evidence for it, and none of its spans are kept.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, final

from seqlab.data.columns import Columns
from seqlab.errors import BundleError, ConfigError
from seqlab.heads.parts.span_views import FoundSpans, count_labels
from seqlab.metrics import CurvePoint, PrecisionCurve, precision_recall_f1
from seqlab.metrics.precision_recall import per_label_scores
from seqlab.model.bundle import Bundle
from seqlab.types import Prediction


@final
class MinPrecision:
    """Keeps spans whose type and confidence promise a precision of at least `value`; labels of whole records stay.

    `curves` holds the precision at each confidence on the validation records, and `thresholds` the lowest confidence that is
    kept, both by head and type. A threshold of None keeps nothing.

    Args:
        bundle: The trained model.
        value: The wanted precision, above 0 and at most 1.

    Raises:
        ConfigError: `value` is out of range, or no head finds spans.
        BundleError: The bundle does not record the precision of its spans.
    """

    def __init__(self, bundle: Bundle, value: float) -> None:
        if not 0 < value <= 1:
            raise ConfigError(f"min_precision is {value}; expected a precision above 0 and at most 1, such as 0.9")
        self.value = value
        self.views = {name: view for name, head in bundle.labeler.heads.items() if (view := head.spans) is not None}
        self.curves = _curves(bundle, self.views)
        self.thresholds = {
            # Types without a curve have a threshold of None, so nothing of them is kept.
            name: dict.fromkeys(view.labels)
            | {label: _threshold(curve.at(value)) for label, curve in self.curves[name].items()}
            for name, view in self.views.items()
        }

    def keep(self, predictions: Mapping[str, list[Prediction]]) -> dict[str, list[Prediction]]:
        """Return the predictions of each head with only the spans that are confident enough."""
        return {
            name: [self._kept(name, one) for one in rows] if name in self.thresholds else rows
            for name, rows in predictions.items()
        }

    def score(self, name: str, predictions: Sequence[Prediction], *, columns: Columns) -> dict[str, Any]:
        """Return precision, recall and F1 of the spans of the head `name` that are kept, overall and by type.

        Partially annotated records are skipped.

        `per_type` has the `threshold` of each type (None: nothing is kept), its `support` (gold spans), and the evidence for
        the threshold: its precision, recall and number of kept spans on the validation records.
        """
        view = self.views[name]
        pairs = zip(view.gold(columns), map(view.found, predictions), strict=True)
        known = [(own, spans) for own, spans in pairs if own is not None]
        gold = count_labels(own for own, _ in known)
        # Types without gold spans are listed, too.
        gold.update(dict.fromkeys(self.curves[name], 0))
        judged = [
            (span.label, is_right)
            for own, spans in known
            for (span, _), is_right, is_kept in zip(spans, view.judge(own, spans), self._is_kept(name, spans), strict=True)
            # Spans where gold is unknown are neither right nor wrong.
            if is_kept and is_right is not None
        ]
        kept = Counter(label for label, _ in judged)
        right = Counter(label for label, is_right in judged if is_right)
        scores = per_label_scores(correct=right, predicted=kept, gold=gold)
        per_type = {label: self._on_validation(name, label) | found for label, found in scores.items()}
        total = precision_recall_f1(n_correct=right.total(), n_predicted=kept.total(), n_gold=gold.total())
        return {"asked": self.value, **total, "per_type": per_type}

    def unreachable(self) -> Iterator[str]:
        """Yield the types of which nothing is kept, with the name of the head if there are several."""
        for name, thresholds in self.thresholds.items():
            prefix = f"{name} " if len(self.thresholds) > 1 else ""
            yield from (f"{prefix}{label}" for label, threshold in thresholds.items() if threshold is None)

    def _on_validation(self, name: str, label: str) -> dict[str, Any]:
        curve = self.curves[name].get(label, PrecisionCurve(0, []))
        point = curve.at(self.value)
        return {
            "threshold": _threshold(point),
            "val_precision": point.precision if point else None,
            "val_recall": curve.recall(point),
            "val_kept": point.n_kept if point else 0,
        }

    def _kept(self, name: str, prediction: Prediction) -> Prediction:
        view = self.views[name]
        return view.keep(prediction, self._is_kept(name, view.found(prediction)))

    def _is_kept(self, name: str, spans: FoundSpans) -> list[bool]:
        thresholds = (self.thresholds[name].get(span.label) for span, _ in spans)
        limits = zip(thresholds, spans, strict=True)
        return [threshold is not None and confidence >= threshold for threshold, (_, confidence) in limits]


def _threshold(point: CurvePoint | None) -> float | None:
    return point.threshold if point else None


def _curves(bundle: Bundle, views: Collection[str]) -> dict[str, dict[str, PrecisionCurve]]:
    if not views:
        heads = ", ".join(bundle.labeler.heads)
        raise ConfigError(f"min_precision needs a head that finds spans; the heads of this model ({heads}) do not")
    content = bundle.facts.get("precision")
    if not content:
        raise BundleError(
            "the model does not record the precision of its spans: it was trained without validation records, with"
            " calibrate=false, or by an older seqlab; score its checkpoint again: seqlab train … train=false"
            " ckpt_path=…/checkpoints/best.ckpt"
        )
    try:
        content = dict(content)
        return {
            name: {label: PrecisionCurve.from_content(curve) for label, curve in content.get(name, {}).items()}
            for name in views
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BundleError(f"the model's precision of spans is damaged ({error!r}); copy the whole folder again") from error
