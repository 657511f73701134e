"""Keeps freed memory in the process, because training asks for the same sizes again at once."""

import ctypes
import os
import platform

# Parameters of mallopt, from glibc's <malloc.h>. A block above the threshold is mapped anew each time, page by page: for the
# tensors of small models that costs a tenth of a training step. glibc accepts at most 32 MiB.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_MIB = 2**20
_VALUES = {_MMAP_THRESHOLD: 32 * _MIB, _TRIM_THRESHOLD: 512 * _MIB, _TOP_PAD: 64 * _MIB}
_USER_SETTINGS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES", "LD_PRELOAD")


def keep_freed_memory() -> bool:
    """Keep up to 512 MiB of freed memory in the process; return whether that is in effect.

    It is not with another C library than glibc, or if the user has configured memory (`MALLOC_…`, another allocator).
    """
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in _USER_SETTINGS):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(name, value) for name, value in _VALUES.items())
