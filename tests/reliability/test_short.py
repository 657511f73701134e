"""The attacks of ``reliability/``, a few tries of each."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).resolve().parents[2] / "reliability"
ATTACKS = sorted(path.stem for path in FOLDER.glob("*.py") if "\ndef attack(" in path.read_text(encoding="utf-8"))


def test_there_are_attacks() -> None:
    assert {"kills", "memory", "readers"} < set(ATTACKS)


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_finds_no_fault(attack: str) -> None:
    words = [sys.executable, str(FOLDER), "--short", attack]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=FOLDER.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 faults" in done.stdout
