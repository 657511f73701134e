"""The kernels never read or write outside their arrays, or rely on undefined behaviour."""

from pathlib import Path

import pytest

from seqlab.testing.sanitizers import run_sanitized, sanitizer_runtime


@pytest.mark.slow
@pytest.mark.skipif(sanitizer_runtime() is None, reason="no compiler with AddressSanitizer is installed")
def test_the_kernels_are_clean(tmp_path: Path) -> None:
    done = run_sanitized(Path(__file__).with_name("exercise_kernels.py"), cache=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
