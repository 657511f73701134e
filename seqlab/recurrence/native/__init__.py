"""The recurrences compiled from `scans.c`, where the machine has a C compiler: faster than loops of small tensors.

The library is compiled once, on first use, into the user's cache folder, and found there afterwards. Without a compiler, or for
tensors that are not float32 on a CPU, the loops of `seqlab.recurrence` do the same work.
"""

from seqlab.recurrence.native.library import is_usable, without_library
from seqlab.recurrence.native.runs import run

__all__ = ["is_usable", "run", "without_library"]
