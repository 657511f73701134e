"""Several data sets, trained by several processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import seqlab


@pytest.mark.slow
def test_two_processes_train_on_two_sets(two_sets: tuple[str, ...], tmp_path: Path) -> None:
    words = [*two_sets, "trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu", "trainer.max_epochs=1"]
    environment = {name: value for name, value in os.environ.items() if name != "HYDRA_FULL_ERROR"}
    done = subprocess.run(
        [sys.executable, "-m", "seqlab", "train", *words], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("run folder") == done.stdout.count("trainable parameters") == 1  # one process speaks
    (run,) = (tmp_path / "runs").iterdir()
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert set(metrics["test"]) == {"tags", "label"}
    assert metrics["training"]["epochs"] == 1
    for data_set, n_records in (("news", 10), ("requests", 10)):
        lines = (run / "predictions" / data_set / "test.jsonl").read_text(encoding="utf-8").splitlines()
        assert len(lines) == n_records
    (record,) = seqlab.load(run).predict(["play some music in Oslo"])
    assert set(record.predictions) == {"tags", "label"}
