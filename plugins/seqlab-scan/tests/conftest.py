"""The plugin's tests run under checked shapes and from fixed seeds, as seqlab's own do."""

from collections.abc import Iterator

import pytest
import torch
from jaxtyping import install_import_hook

install_import_hook("seqlab_scan", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    """Give each test the same random numbers in whatever order tests run, and leave the caller's as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
