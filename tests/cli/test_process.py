import platform
import subprocess
import sys

import pytest

KEEP = "from seqlab.cli.process import keep_freed_memory; print(keep_freed_memory())"
FAULTS = f"""
{KEEP}
import resource, torch

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for _ in range(100):
    torch.ones(2_000_000)
before = faults()
for _ in range(50):
    torch.ones(2_000_000)
print(faults() - before)
"""


def run(script: str, **environment: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    return done.stdout.split()


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="speaks to the GNU C library")
def test_freed_memory_is_used_again() -> None:
    """Eight megabytes are two thousand pages: mapped anew each time, fifty tensors would touch a hundred thousand."""
    is_set, n_faults = run(FAULTS)
    assert is_set == "True"
    assert int(n_faults) < 2_000


def test_what_the_user_has_set_up_stays() -> None:
    assert run(KEEP, MALLOC_TRIM_THRESHOLD_="1000000") == ["False"]


HELD = """
from pathlib import Path
from seqlab.cli.process import keep_freed_memory, returning_memory

def mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

assert keep_freed_memory()
blocks = [bytearray(2**20) for _ in range(200)]
last = bytearray(2**20)  # holds the end of the heap, so that only holes are free
del blocks
held = mib()
assert list(returning_memory(range(100))) == list(range(100))
print(held, mib())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="speaks to the GNU C library")
def test_a_stream_returns_the_memory_that_its_chunks_have_freed() -> None:
    held, after = map(float, run(HELD))
    assert held > 200
    assert after < held - 150
