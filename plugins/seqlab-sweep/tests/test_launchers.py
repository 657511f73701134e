"""Plain Hydra sweeps and their launchers, which this plugin must not affect."""

import json
import subprocess
from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("launcher", ["basic", "joblib", "submitit_local"])
def test_plain_sweeps_run_under_every_launcher(launcher: str, sweeping: Any) -> None:
    if launcher != "basic":
        pytest.importorskip(f"hydra_plugins.hydra_{launcher.split('_')[0]}_launcher")
    words = [f"hydra/launcher={launcher}", "seed=1,2", f"hydra.sweep.dir=multiruns/{launcher}"]
    done = subprocess.run(sweeping.plain(*words), cwd=sweeping.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for number, seed in enumerate((1, 2)):
        folder = sweeping.folder / "multiruns" / launcher / str(number)
        assert json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["training"]["epochs"] == 1
        assert f"seed: {seed}\n" in (folder / "config.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("launcher", ["basic", "submitit_local"])
def test_mistakes_in_a_plain_sweep_are_reported_in_one_line(launcher: str, sweeping: Any) -> None:
    if launcher != "basic":
        pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    words = [f"hydra/launcher={launcher}", "data=conll", "data.dir=nowhere", "seed=1,2"]
    done = subprocess.run(sweeping.plain(*words, tiny=False), cwd=sweeping.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    begin = "error: job 0 (seed=1): nowhere/train.conll: cannot be read"
    assert [line for line in done.stderr.splitlines() if line.startswith(begin)], done.stderr
    assert "Traceback" not in done.stderr
