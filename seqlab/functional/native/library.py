"""Libraries of compiled functions, checked when they load; PyTorch does their work where they are unavailable."""

import ctypes
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, final
from weakref import WeakSet

from seqlab.functional.native.compiler import FLAGS, NO_COMPILER, build, compiler_version, find_compiler
from seqlab.functional.native.structures import KernelError, Structure, Value

log = logging.getLogger(__name__)

# A module variable, not an argument: the functions call each other in many layers, and only comparisons switch it.
_is_switched_off = False


@contextmanager
def without_libraries() -> Iterator[None]:
    """Run everything in PyTorch, to compare."""
    global _is_switched_off
    before, _is_switched_off = _is_switched_off, True
    try:
        yield
    finally:
        _is_switched_off = before


@final
class Library:
    """The compiled functions of one C source.

    Args:
        source: The C file.
        work: What its functions compute, for messages and the run folder, such as `recurrences`.
        structures: Names of those that its functions read; a library that does not report their layouts is refused.
    """

    def __init__(self, source: Path, *, work: str, structures: Sequence[str]) -> None:
        self.source, self.work, self.structures = source, work, structures
        self.flags: tuple[str, ...] = ()
        self.failure: str | None = None
        self.has_run = False
        _libraries.add(self)

    @property
    def is_usable(self) -> bool:
        """Whether the library loads, and is not switched off."""
        return not _is_switched_off and self.loaded is not None

    @cached_property
    def loaded(self) -> tuple[ctypes.CDLL, dict[str, Structure]] | None:
        """The functions and their structures; None, which is logged, where they cannot be compiled."""
        # One thread at a time: two that ask first at once would both compile, and both report a failure.
        with _loading:
            try:
                library, self.flags = build(self.source)
                return library, {name: Structure(library, name) for name in self.structures}
            except KernelError as error:
                self.failure = str(error)
                self._report()
                return None

    def run(self, function: str, structure: str, sizes: list[int], values: Mapping[str, Value]) -> None:
        """Call `function` with one `structure`, both by name; tensors that it writes to must be contiguous.

        Raises: MemoryError where it lacks memory.
        """
        assert self.loaded is not None
        library, structures = self.loaded
        # The tensors are held until the call returns: the structure has only their addresses.
        packed, _kept = structures[structure].pack(sizes, values)
        self.has_run = True
        if not getattr(library, function)(packed):
            raise MemoryError(f"{function}: no memory for this batch; use smaller batches (max_tokens)")

    def _report(self) -> None:
        """Log what runs in PyTorch now, one line for each reason in a process."""
        # Without a compiler no library works, so the first to fail speaks for all of them.
        is_general = self.failure == NO_COMPILER
        # Several libraries fail for one reason; one line for all is enough.
        if self.failure in _reported:
            return
        _reported.add(str(self.failure))
        work = sorted(each.work for each in _libraries) if is_general else [self.work]
        log.warning(
            "compiled kernels unavailable (%s): %s run in PyTorch, several times slower; %s",
            self.failure,
            ", ".join(work),
            "install gcc or clang" if is_general else "check the compiler on PATH, or reinstall seqlab",
        )


# Weak, so that this set does not keep a library alive.
_libraries: WeakSet[Library] = WeakSet()
_reported: set[str] = set()
_loading = Lock()


def describe_compiler() -> dict[str, Any]:
    """Return path and version of the C compiler, both None where there is none, and the flags of every kernel."""
    compiler = find_compiler()
    try:
        version = None if compiler is None else compiler_version(compiler)
    except KernelError as error:
        version = str(error)
    return {"compiler": compiler, "version": version, "flags": " ".join(FLAGS)}


def describe_kernels() -> dict[str, str]:
    """Return how each kernel that this process has asked for ran: compiled, with its flags, or in PyTorch, and why."""
    asked = sorted((each for each in _libraries if each.has_run or each.failure), key=lambda each: each.work)
    return {each.work: f"PyTorch: {each.failure}" if each.failure else f"compiled: {' '.join(each.flags)}" for each in asked}
