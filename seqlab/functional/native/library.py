"""Compiling and loading the library."""

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import final

_LOG = logging.getLogger(__name__)
HEADERS = Path(__file__).parent
COMPILERS = ("cc", "gcc", "clang")
# Every number is rounded as IEEE says, except that a product may be added unrounded; what traps or sets errno does not matter.
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fPIC")
EXTRAS = (("-fopenmp", "-mprefer-vector-width=512"), ("-fopenmp",), ())
"""Tried in this order: some processors have no such width, some compilers know no OpenMP."""
_SECONDS = 120

_is_switched_off = False


@contextmanager
def without_libraries() -> Iterator[None]:
    """Run the loops of tensors instead, to compare."""
    global _is_switched_off
    before, _is_switched_off = _is_switched_off, True
    try:
        yield
    finally:
        _is_switched_off = before


@final
class Library:
    """What one C source compiles to."""

    def __init__(self, source: Path) -> None:
        self.source = source

    @property
    def is_usable(self) -> bool:
        """Whether the library could be made, and is not switched off."""
        return not _is_switched_off and self.loaded is not None

    @cached_property
    def loaded(self) -> ctypes.CDLL | None:
        """The functions; None where they cannot be made."""
        compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
        if compiler is None or os.name != "posix":
            return None
        for extras in EXTRAS:
            try:
                return ctypes.CDLL(str(_made(self.source, compiler, extras)))
            except (OSError, subprocess.SubprocessError) as error:
                _LOG.debug("%s: not compiled: %s", self.source, error)
        return None

    def call(self, function: str, structure: bytes) -> None:
        """Call a function that takes one structure and returns whether it had the memory it needed."""
        assert self.loaded is not None
        if not getattr(self.loaded, function)(structure):
            raise MemoryError(f"{function}: no memory for this batch; use smaller batches (max_tokens)")


def _made(source: Path, compiler: str, extras: tuple[str, ...]) -> Path:
    """Return the path of the compiled library, from the cache or made now."""
    name = f"{source.stem}-{_key(source, compiler, extras)}.so"
    folder = _cache_folder()
    path = folder / name
    if not (path.is_file() and path.stat().st_uid == os.getuid()):
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            compiled, linked = Path(scratch) / "compiled.o", Path(scratch) / name
            _call(compiler, *FLAGS, *extras, f"-I{HEADERS}", "-c", str(source), "-o", str(compiled))
            # Not linked against an OpenMP library: torch has loaded one, and its threads serve both.
            _call(compiler, "-shared", str(compiled), "-o", str(linked), "-lm")
            linked.replace(path)  # all at once: another process may be looking
    return path


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)


def _key(source: Path, compiler: str, extras: tuple[str, ...]) -> str:
    """Return a name for what the library depends on: source, compiler, flags, and the processor that is compiled for."""
    processor = Path("/proc/cpuinfo")
    described = processor.read_text(encoding="utf-8", errors="replace") if processor.exists() else platform.processor()
    features = "".join(
        sorted({line for line in described.splitlines() if line.startswith(("flags", "Features", "model name"))})
    )
    version = subprocess.run([compiler, "--version"], check=True, capture_output=True, timeout=_SECONDS).stdout
    headers = [path.read_bytes() for folder in (HEADERS, source.parent) for path in sorted(folder.glob("*.h"))]
    parts = [
        source.read_bytes(),
        *headers,
        version,
        repr((FLAGS, extras)).encode(),
        platform.machine().encode(),
        features.encode(),
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _cache_folder() -> Path:
    """Return a folder that only this user may write to: what lies there is run."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    folder = base / "seqlab"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        if status.st_uid == os.getuid() and not status.st_mode & 0o022 and os.access(folder, os.W_OK):
            return folder
    except OSError as error:
        _LOG.debug("%s: no cache there: %s", folder, error)
    return _own_folder()


@cache
def _own_folder() -> Path:
    """Return a folder for this process alone, which goes when it ends."""
    made = tempfile.TemporaryDirectory(prefix="seqlab-")
    _kept.append(made)
    return Path(made.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []
