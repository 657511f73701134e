"""Where the Triton kernel can run, and its call; without a GPU neither it nor triton is imported."""

from functools import cache
from importlib.util import find_spec

from jaxtyping import Float
from torch import Tensor

from seqlab.functional.native import check_arrays


def is_usable(values: Tensor) -> bool:
    """Return whether the kernel takes `values`: on CUDA, where triton is installed."""
    return values.device.type == "cuda" and _is_installed()


@cache
def _is_installed() -> bool:
    return find_spec("triton") is not None


def run_triton(
    keep: Float[Tensor, "direction time batch unit"],
    entered: Float[Tensor, "direction time batch unit"],
    first: Float[Tensor, "direction batch unit"],
    *,
    is_reversed: bool,
) -> Float[Tensor, "direction time batch unit"]:
    """Return c of every step from the one before (reversed: the one after), by the kernel.

    Raises: ValueError for tensors that do not fit each other.
    """
    n_directions, _, n_records, width = entered.shape
    shapes = {"keep": (keep, entered.shape), "first": (first, (n_directions, n_records, width))}
    check_arrays("run_triton", entered, shapes)
    from seqlab_scan.triton_kernel import run_kernel

    return run_kernel(keep, entered, first, is_reversed=is_reversed)
