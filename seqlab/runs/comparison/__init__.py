"""Compare runs on the same records: is a difference in scores more than chance?"""

from seqlab.runs.comparison.compare import Comparison, Finding, compare
from seqlab.runs.comparison.record_counts import record_counts
from seqlab.runs.comparison.wording import sentence

__all__ = ["Comparison", "Finding", "compare", "record_counts", "sentence"]
