"""The same run several times, by seeds and by folds: each a run folder, and what they say together."""

from seqlab.training.repeats.repeat import is_repeated, repeat
from seqlab.training.repeats.summary import MONITORED, nested

__all__ = ["MONITORED", "is_repeated", "nested", "repeat"]
