"""Runs the files here that capture programs in processes whose functions check no types."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FILES = sorted(Path(__file__).parent.glob("capture_*.py"))


@pytest.mark.parametrize("marks", ["not slow", pytest.param("slow", marks=pytest.mark.slow)])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_captured_programs(file: Path, marks: str, repository: Path) -> None:
    options = ["-q", "-p", "no:xdist", "--import-mode=prepend", "--tb=short", "--show-capture=no", "-m", marks]
    command = [sys.executable, "-m", "pytest", *options, str(file)]
    environment = os.environ | {"SEQLAB_TESTS_UNCHECKED": "1"}
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
