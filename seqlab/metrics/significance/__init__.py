"""Statistics of repeated runs, and significance of the difference of two systems."""

from seqlab.metrics.significance.p_values import McNemar, holm, mcnemar
from seqlab.metrics.significance.repetitions import MeanTest, Summary, corrected_paired_test, summarise, welch_test
from seqlab.metrics.significance.resampling import PairedTest, Score, f1, paired_test, per_label, share

__all__ = [
    "McNemar",
    "MeanTest",
    "PairedTest",
    "Score",
    "Summary",
    "corrected_paired_test",
    "f1",
    "holm",
    "mcnemar",
    "paired_test",
    "per_label",
    "share",
    "summarise",
    "welch_test",
]
