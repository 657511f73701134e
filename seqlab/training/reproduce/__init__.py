"""Repeat a run and compare the results bit by bit."""

from seqlab.training.reproduce.differences import Difference, metric_differences, setting_differences
from seqlab.training.reproduce.reproduce import Original, Reproduction

__all__ = ["Difference", "Original", "Reproduction", "metric_differences", "setting_differences"]
