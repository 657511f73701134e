"""Spans of a wanted precision alone: of each type those that are sure enough, by what the validation records said.

A type has the lowest threshold on the confidence of its spans that reached the precision on the validation records. Where none
did, or no span of the type was found there, nothing vouches for it, and none of its spans is kept.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, final

from seqlab.data.columns import Columns
from seqlab.errors import BundleError, ConfigError
from seqlab.heads.parts.span_views import FoundSpans, count_labels
from seqlab.metrics import CurvePoint, PrecisionCurve, precision_recall_f1
from seqlab.model.bundle import Bundle
from seqlab.types import Prediction


@final
class MinPrecision:
    """Keeps the spans of a model that are of a precision of `value` at least; what labels whole records it leaves alone.

    `curves` has the precision at each confidence of what the validation records had, and `thresholds` the lowest confidence
    that is kept of every type that the model may say, both by head and type; a threshold of None keeps nothing.

    Raises:
        ConfigError: `value` is no precision, or no head finds spans.
        BundleError: the bundle does not say how precise its spans are.
    """

    def __init__(self, bundle: Bundle, value: float) -> None:
        if not 0 < value <= 1:
            raise ConfigError(f"min_precision is {value}; expected a share of spans above 0 and at most 1, such as 0.9")
        self.value = value
        self.views = {name: view for name, head in bundle.labeler.heads.items() if (view := head.spans) is not None}
        self.curves = _curves(bundle, self.views)
        self.thresholds = {
            name: dict.fromkeys(view.labels)
            | {label: _threshold(curve.at(value)) for label, curve in self.curves[name].items()}
            for name, view in self.views.items()
        }

    def keep(self, predictions: Mapping[str, list[Prediction]]) -> dict[str, list[Prediction]]:
        """Return the predictions of each head with the spans that are sure enough."""
        return {
            name: [self._kept(name, one) for one in rows] if name in self.thresholds else rows
            for name, rows in predictions.items()
        }

    def score(self, name: str, predictions: Sequence[Prediction], *, columns: Columns) -> dict[str, Any]:
        """Return precision, recall and F1 of the spans of the head `name` that are kept, over all types and of each.

        Records that are annotated in part are left out.

        `per_type` has each type's `threshold` (None: nothing is kept), `support` (gold spans), and what the threshold rests on:
        its precision and recall on the validation records, and how many spans it keeps there.
        """
        view = self.views[name]
        pairs = zip(view.gold(columns), map(view.found, predictions), strict=True)
        known = [(own, spans) for own, spans in pairs if own is not None]
        n_gold = count_labels(own for own, _ in known)
        judged = [
            (span.label, is_right)
            for own, spans in known
            for (span, _), is_right, is_kept in zip(spans, view.judge(own, spans), self._is_kept(name, spans), strict=True)
            if is_kept and is_right is not None
        ]
        per_type = {}
        for label in sorted(self.curves[name].keys() | n_gold.keys()):
            rights = [right for said, right in judged if said == label]
            scores = precision_recall_f1(n_correct=sum(rights), n_predicted=len(rights), n_gold=n_gold.get(label, 0))
            per_type[label] = self._on_validation(name, label) | scores | {"support": n_gold.get(label, 0)}
        n_correct = sum(right for _, right in judged)
        total = precision_recall_f1(n_correct=n_correct, n_predicted=len(judged), n_gold=sum(n_gold.values()))
        return {"asked": self.value, **total, "per_type": per_type}

    def unreachable(self) -> Iterator[str]:
        """Return the types of which nothing is kept; behind the name of their head where there are several."""
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
        return [least is not None and sure >= least for least, (_, sure) in zip(thresholds, spans, strict=True)]


def _threshold(point: CurvePoint | None) -> float | None:
    return point.threshold if point else None


def _curves(bundle: Bundle, views: Collection[str]) -> dict[str, dict[str, PrecisionCurve]]:
    if not views:
        heads = ", ".join(bundle.labeler.heads)
        raise ConfigError(f"a precision is asked of spans, but the model finds none: its heads ({heads}) label something else")
    content = bundle.facts.get("precision")
    if not content:
        raise BundleError(
            "the model does not say how precise its spans are: it was trained without validation records, with calibrate=false,"
            " or by an earlier seqlab; score its checkpoint anew: seqlab train … train=false ckpt_path=…/checkpoints/best.ckpt"
        )
    try:
        content = dict(content)
        return {
            name: {label: PrecisionCurve.from_content(curve) for label, curve in content.get(name, {}).items()}
            for name in views
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BundleError(f"the model's precision of spans is damaged ({error!r}); copy the whole folder again") from error
