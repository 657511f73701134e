"""Repeat a run with several seeds or folds: each has its run folder, and a summary combines them."""

from seqlab.training.repeats.repeat import is_repeated, repeat
from seqlab.training.repeats.summary import MONITORED, nested

__all__ = ["MONITORED", "is_repeated", "nested", "repeat"]
