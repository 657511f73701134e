"""Running a run again, and saying whether it comes out the same to the bit."""

from seqlab.training.reproduce.differences import Difference, metric_differences, setting_differences
from seqlab.training.reproduce.reproduce import Original, Reproduction

__all__ = ["Difference", "Original", "Reproduction", "metric_differences", "setting_differences"]
