"""The first of several processes reports the results of a run."""

import pytest
from pytorch_lightning.utilities import rank_zero_only

from seqlab.cli.jobs import is_first_process


@pytest.mark.parametrize(("rank", "node_rank", "is_first"), [(0, "0", True), (1, "0", False), (0, "1", False)])
def test_is_first_process_goes_by_what_lightning_knows(
    rank: int, node_rank: str, is_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", rank)  # which it has from torchrun, Slurm, … or its own launcher
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setenv("NODE_RANK", node_rank)
    assert is_first_process() == is_first
