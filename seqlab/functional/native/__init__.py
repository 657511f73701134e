"""Functions compiled from C, where the machine has a C compiler: faster than loops of small tensors.

A library is compiled once, on first use, into the user's cache folder, and found there afterwards. Without a compiler the rooms
that bring a source (`recurrence`, `lattices`) do the same work in loops of tensors.
"""

from seqlab.functional.native.library import Library, without_libraries
from seqlab.functional.native.structures import NUMBER, POINTER, POINTER_OR_REAL, REAL, Structure, fields_of

__all__ = ["NUMBER", "POINTER", "POINTER_OR_REAL", "REAL", "Library", "Structure", "fields_of", "without_libraries"]
