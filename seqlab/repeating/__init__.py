"""The same run several times, by seeds and by folds: each a run folder, and what they say together."""

from seqlab.repeating.outcome import MONITORED, nested
from seqlab.repeating.repeat import is_repeated, repeat

__all__ = ["MONITORED", "is_repeated", "nested", "repeat"]
