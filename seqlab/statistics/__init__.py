"""Statistics on numpy arrays: the spread of repeated runs, and whether the difference of two systems is chance."""

from seqlab.statistics.mcnemar import McNemar, mcnemar
from seqlab.statistics.multiplicity import holm
from seqlab.statistics.repetitions import MeanTest, Summary, corrected_paired_test, summarise, welch_test
from seqlab.statistics.resampling import PairedTest, paired_test
from seqlab.statistics.scores import Score, f1, per_label, share

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
