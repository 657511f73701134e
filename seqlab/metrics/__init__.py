"""Scores of predictions against gold: pure functions of strings that return JSON values."""

from seqlab.metrics.agreement import agreement_scores
from seqlab.metrics.calibration import calibration_scores, expected_calibration_error
from seqlab.metrics.classification import classification_scores, multilabel_scores, tag_accuracy
from seqlab.metrics.edit_distance import closest_references, label_error_rate
from seqlab.metrics.precision_curve import CurvePoint, PrecisionCurve, precision_curves
from seqlab.metrics.precision_recall import precision_recall_f1
from seqlab.metrics.span_matches import Matches, match_spans, span_set_scores
from seqlab.metrics.spans import span_scores

__all__ = [
    "CurvePoint",
    "Matches",
    "PrecisionCurve",
    "agreement_scores",
    "calibration_scores",
    "classification_scores",
    "closest_references",
    "expected_calibration_error",
    "label_error_rate",
    "match_spans",
    "multilabel_scores",
    "precision_curves",
    "precision_recall_f1",
    "span_scores",
    "span_set_scores",
    "tag_accuracy",
]
