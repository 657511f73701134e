"""Compile C sources into shared libraries, once for each user, kept in a cache folder."""

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from seqlab.functional.native.structures import KernelError

log = logging.getLogger(__name__)
HEADERS = Path(__file__).parent
COMPILERS = ("cc", "gcc", "clang")
# IEEE rounding, except that a product may be added unrounded (contraction). Traps and errno do not matter here; NaN and
# infinity do, so -ffast-math is out.
FLAGS: tuple[str, ...] = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fPIC")
EXTRAS = (("-fopenmp", "-mprefer-vector-width=512"), ("-fopenmp",), ())
"""Tried in this order: some processors lack this vector width, some compilers lack OpenMP."""
# No OpenMP library is linked: torch has loaded one, and its threads serve both.
LINK_FLAGS: tuple[str, ...] = ("-shared",)
NO_COMPILER = "no C compiler found"
_SECONDS = 120


def find_compiler() -> str | None:
    """Return the path of the first C compiler on PATH, None where there is none."""
    # Only POSIX: the flags and the check of the folder's owner have no meaning elsewhere.
    return next(filter(None, map(shutil.which, COMPILERS)), None) if os.name == "posix" else None


@cache
def compiler_version(compiler: str) -> str:
    """Return the first line that the compiler prints of itself.

    Raises: KernelError where it does not run.
    """
    return _run(compiler, "--version").partition("\n")[0]


def build(source: Path) -> tuple[ctypes.CDLL, tuple[str, ...]]:
    """Return the library of `source`, from the cache or compiled now, and the flags that it was compiled with.

    Raises: KernelError where there is no compiler, or it fails with every set of flags.
    """
    compiler = find_compiler()
    if compiler is None:
        raise KernelError(NO_COMPILER)
    if not source.is_file():
        raise KernelError(f"{source} is missing")
    # A library may compile and still not load (OSError), for instance where its OpenMP symbols are missing.
    for extras in EXTRAS:
        flags = (*FLAGS, *extras)
        try:
            return ctypes.CDLL(str(_cached(source, compiler, flags))), flags
        except (OSError, KernelError) as error:
            failure = error
    raise KernelError(f"{source.name}: {failure}") from failure


def _cached(source: Path, compiler: str, flags: tuple[str, ...]) -> Path:
    """Return the path of the compiled library."""
    name = f"{source.stem}-{_key(source, compiler, flags)}.so"
    folder = _cache_folder()
    path = folder / name
    # A file of another user is never loaded: it would run as this one.
    if not (path.is_file() and path.stat().st_uid == os.getuid()):
        # In the same folder, so that the replacement below stays on one file system.
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            compiled, linked = Path(scratch) / "compiled.o", Path(scratch) / name
            _run(compiler, *flags, f"-I{HEADERS}", "-c", str(source), "-o", str(compiled))
            _run(compiler, *LINK_FLAGS, str(compiled), "-o", str(linked), "-lm")
            linked.replace(path)  # atomic: another process may look for it
    return path


def _run(*command: str) -> str:
    """Return what a command prints.

    Raises: KernelError, with its first error, where it fails.
    """
    try:
        done = subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS, text=True, errors="replace")
    except subprocess.CalledProcessError as error:
        # Compilers print notes and warnings too; the first line with "error" is the one that says why.
        lines = error.stderr.splitlines() or [f"exit status {error.returncode}"]
        first = next((line for line in lines if "error" in line), lines[0])
        raise KernelError(f"{command[0]} failed: {first.strip():.200}") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise KernelError(f"{command[0]} failed: {error}") from error
    return done.stdout


def _key(source: Path, compiler: str, flags: tuple[str, ...]) -> str:
    """Return a hash of all that the library depends on: source, headers, compiler, flags and processor."""
    processor = Path("/proc/cpuinfo")
    described = processor.read_text(encoding="utf-8", errors="replace") if processor.exists() else platform.processor()
    # A cache in a shared home folder may serve several machines, and -march=native code crashes on a lesser processor.
    # Sorted and unique, because every core repeats the lines.
    features = sorted({line for line in described.splitlines() if line.startswith(("flags", "Features", "model name"))})
    parts = [
        source.read_bytes(),
        *(path.read_bytes() for folder in (HEADERS, source.parent) for path in sorted(folder.glob("*.h"))),
        *(text.encode() for text in (compiler_version(compiler), repr((flags, LINK_FLAGS)), platform.machine(), *features)),
    ]
    # A separator keeps parts from running into one another.
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _cache_folder() -> Path:
    """Return a folder that only this user can write to: what lies there is run."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "seqlab"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        # 0o022: neither the group nor others may write.
        if status.st_uid == os.getuid() and not status.st_mode & 0o022 and os.access(folder, os.W_OK):
            return folder
        failure = "it must be writable by you and nobody else"
    except OSError as error:
        failure = str(error.strerror)
    return _process_folder(folder, failure)


@cache
def _process_folder(refused: Path, failure: str) -> Path:
    """Return a folder for this process alone, deleted when it ends; say so, once for each refused folder."""
    log.warning(
        "compiled kernels are not kept in %s (%s): every process compiles them again, which takes some seconds; "
        "set XDG_CACHE_HOME to a folder of your own",
        refused,
        failure,
    )
    made = tempfile.TemporaryDirectory(prefix="seqlab-")
    # The folder is deleted when its object is; the list keeps that until the process ends.
    _process_folders.append(made)
    return Path(made.name)


_process_folders: list[tempfile.TemporaryDirectory[str]] = []
