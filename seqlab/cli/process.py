"""The process of a command: what ends it, and the memory that it keeps."""

import ctypes
import os
import platform
import signal
import threading
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, final

_Chunk = TypeVar("_Chunk")

# Parameters of mallopt, from glibc's <malloc.h>. A block above the threshold is mapped anew each time, page by page: for the
# tensors of small models that costs a tenth of a training step. glibc accepts at most 32 MiB.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_MIB = 2**20
_VALUES = {_MMAP_THRESHOLD: 32 * _MIB, _TRIM_THRESHOLD: 512 * _MIB, _TOP_PAD: 8 * _MIB}
_N_CHUNKS_HELD = 32
"""Chunks of a stream until freed memory is returned, which takes milliseconds."""
_USER_SETTINGS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES", "LD_PRELOAD")


def keep_freed_memory() -> bool:
    """Keep up to 512 MiB of freed memory in the process; return whether that is in effect.

    It is not with another C library than glibc, or if the user has configured memory (`MALLOC_…`, another allocator).
    """
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in _USER_SETTINGS):
        return False
    # None opens the process itself, which has glibc loaded.
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(name, value) for name, value in _VALUES.items())


def returning_memory(chunks: Iterable[_Chunk]) -> Iterator[_Chunk]:
    """Yield `chunks`, and return freed memory to the system now and then.

    Chunks of different sizes leave holes in the heap, which would grow with the length of a stream.
    """
    has_trim = platform.libc_ver()[0] == "glibc"
    for i, chunk in enumerate(chunks):
        yield chunk
        if has_trim and i % _N_CHUNKS_HELD == _N_CHUNKS_HELD - 1:
            ctypes.CDLL(None).malloc_trim(0)


def keep_few_kernels() -> None:
    """Let oneDNN keep the kernels of the last 32 shapes, not 1024; set before torch is loaded, and only if the user has not.

    Batches of texts have ever new shapes, and a kernel of an LSTM takes 0.2 MB. Keeping more makes nothing faster.
    """
    if not any(name in os.environ for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "DNNL_PRIMITIVE_CACHE_CAPACITY")):
        os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] = "32"


@final
class Signals:
    """Lets SIGTERM and SIGHUP end a command as Ctrl-C does: files are closed, and the last line says how to continue.

    A second signal ends the process at once. Ignored signals, as under nohup, stay ignored.
    """

    def __init__(self) -> None:
        self._received = signal.SIGINT
        for number in (signal.SIGTERM, signal.SIGHUP):
            # Only the main thread may set handlers; a caller's own are kept.
            if threading.current_thread() is threading.main_thread() and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, self._interrupt)

    @property
    def event(self) -> str:
        """What happened, for the last line."""
        return "interrupted" if self._received == signal.SIGINT else "terminated"

    @property
    def exit_status(self) -> int:
        """128 + the signal, as shells report it; SIGHUP counts as SIGTERM."""
        return 128 + self._received

    def _interrupt(self, number: int, frame: Any) -> None:
        self._received = signal.SIGTERM
        # A command that hangs while it closes its files can still be ended.
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt
