"""Functions compiled from C on first use, where there is a C compiler: faster than loops of small tensors.

Packages that bring a source (`recurrence`, `linear_chain`, `alignment`, plugins) do the same in PyTorch where there is none.
"""

from seqlab.functional.native.arrays import check_arrays
from seqlab.functional.native.library import Library, describe_compiler, describe_kernels, without_libraries
from seqlab.functional.native.operator import Operator

__all__ = ["Library", "Operator", "check_arrays", "describe_compiler", "describe_kernels", "without_libraries"]
