"""Run scripts whose compiled kernels are checked by AddressSanitizer and UndefinedBehaviorSanitizer.

A kernel that reads or writes outside its arrays, or relies on undefined behaviour, ends the script with a report.
"""

import os
import runpy
import subprocess
import sys
from pathlib import Path

from seqlab.functional.native import compiler

_SANITIZE = "-fsanitize=address,undefined"


def sanitizer_runtime() -> Path | None:
    """Return the library that must be loaded before Python, None where there is no compiler with sanitizers."""
    found = compiler.find_compiler()
    if found is None:
        return None
    asked = subprocess.run([found, "-print-file-name=libasan.so"], capture_output=True, text=True, check=False)
    path = Path(asked.stdout.strip())  # a bare name where the compiler does not have it
    return path if path.is_absolute() and path.is_file() else None


def run_sanitized(script: Path, *arguments: str, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run a Python script in a process of its own; its kernels are compiled with sanitizers, into the folder `cache`."""
    environment = {
        **os.environ,
        "LD_PRELOAD": str(sanitizer_runtime()),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python itself leaves memory behind
        "XDG_CACHE_HOME": str(cache),
    }
    command = [sys.executable, "-m", __name__, str(script), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def main() -> None:
    """Run the script that the command line names."""
    del os.environ["LD_PRELOAD"]  # the compiler itself would run under it, and many times slower
    compiler.FLAGS = ("-O1", "-g", "-march=native", "-fPIC", "-fno-omit-frame-pointer", _SANITIZE, "-fno-sanitize-recover=all")
    compiler.LINK_FLAGS = ("-shared", _SANITIZE)
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
