"""A run can be had again bit for bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import torch

from seqlab.testing.runs import train_small
from seqlab.training.train import Run

Weights: TypeAlias = Callable[[Run], bytes]
JsonOf: TypeAlias = Callable[[Path], Any]
Logged: TypeAlias = Callable[[Run, str], list[float]]


def test_seed_zero_is_a_seed(
    weights: Weights, json_of: JsonOf, logged: Logged, finished: Run, data: Path, tmp_path: Path
) -> None:
    overrides = ["head=[crf,sequence]", "monitor=val/tags/span_f1/strict"]
    torch.manual_seed(1234)  # what ran before in the process changes nothing
    torch.rand(17)
    again = train_small(data, tmp_path / "again", [*overrides, "seed=0"])
    other = train_small(data, tmp_path / "other", [*overrides, "seed=1"])
    assert json_of(finished.model / "bundle.json")["facts"]["seed"] == 0
    assert weights(again) == weights(finished)
    assert json_of(again.folder / "metrics.json") == json_of(finished.folder / "metrics.json")
    predictions = [(run.folder / "predictions" / "test.jsonl").read_bytes() for run in (again, finished)]
    assert predictions[0] == predictions[1]
    assert logged(again, "train/loss") == logged(finished, "train/loss")
    assert weights(other) != weights(finished)
