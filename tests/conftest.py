"""What every test runs under: checked shapes, one thread, a fixed seed, no network, no cache outside the run."""

import atexit
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

_CACHE = tempfile.TemporaryDirectory(prefix="seqlab-tests-")
atexit.register(_CACHE.cleanup)
# Libraries read these once, on import, so they come before every import below.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.update(HF_HOME=_CACHE.name, XDG_CACHE_HOME=_CACHE.name, HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")

from jaxtyping import install_import_hook

# Before the first import of seqlab: from here on, each function checks its argument types and shapes. As PEP 484 has it, a
# float may be given as an int.
install_import_hook("seqlab", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

import hypothesis
import pytest
import torch

# Examples are the same in every run (a failure repeats), and no test depends on how fast the machine is.
hypothesis.settings.register_profile("seqlab", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("seqlab")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    """Give each test the same random numbers in whatever order tests run, and leave the caller's as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the root of the checkout (or of the unpacked sdist)."""
    return REPOSITORY
