"""Runs compared on the same records: is a difference of scores more than chance?"""

from seqlab.comparison.compare import Comparison, Finding, compare
from seqlab.comparison.counts import RecordCounts, record_counts
from seqlab.comparison.sentences import sentence

__all__ = ["Comparison", "Finding", "RecordCounts", "compare", "record_counts", "sentence"]
