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
