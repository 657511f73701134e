"""Run folders and a sweep of seqlab 0.1.0 are read as those of today (`tests/fixtures/version_0_1_0/make.py`)."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

import seqlab
from seqlab.cli import main

OLDER = Path(__file__).resolve().parents[1] / "fixtures" / "version_0_1_0"
ONCE = ("token", "sequence", "digits")
REPEATED = {"repeated": "seed_1", "folds": "fold_1"}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the older runs in the working folder, as if they had been started in it."""
    shutil.copytree(OLDER / "runs", tmp_path / "runs")
    shutil.copytree(OLDER / "runs" / "digits" / "spoken", tmp_path / "spoken")
    for path in (tmp_path / "runs").rglob("lock.json"):
        path.write_text(path.read_text(encoding="utf-8").replace("/home/user/project", str(tmp_path)), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Return a copy of the folder of the older sweep."""
    return Path(shutil.copytree(OLDER / "sweep", tmp_path / "sweep"))


def metrics_of(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    return content


def flat(node: Any, name: str = "") -> dict[str, Any]:
    """Return the values in nested mappings, by path."""
    if not isinstance(node, dict):
        return {name: node}
    return {path: value for key, child in node.items() for path, value in flat(child, f"{name}/{key}").items()}


def logged(run: Path) -> dict[str, float]:
    """Return what a run logged last under each name, times left out."""
    with (run / "csv" / "metrics.csv").open(newline="", encoding="utf-8") as file:
        found = {name: float(value) for row in csv.DictReader(file) for name, value in row.items() if value}
    return {name: value for name, value in found.items() if "second" not in name}


def overrides_of(run: Path) -> list[str]:
    words: list[str] = yaml.safe_load((run / ".hydra" / "overrides.yaml").read_text(encoding="utf-8"))
    return [word for word in words if not word.startswith("hydra.run.dir=")]


@pytest.mark.parametrize("name", ONCE)
def test_evaluate_scores_an_older_run_as_before(runs: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", f"runs/{name}", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert flat(found) == pytest.approx(flat(metrics_of(runs / name)["test"]), abs=1e-6)


@pytest.mark.parametrize("name", [*ONCE, *REPEATED])
def test_report_reads_an_older_run(runs: Path, name: str) -> None:
    assert main(["report", f"runs/{name}", "-o", "report.json"]) == 0
    best = metrics_of(runs / name / REPEATED.get(name, ""))["training"]["best"]
    assert str(best) in Path("report.json").read_text(encoding="utf-8")


def test_compare_reads_older_runs(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "runs/token", "runs/repeated/seed_2", "runs/repeated", "--n-resamples", "50"]) == 0
    found = capsys.readouterr().out
    for name in ("token", "repeated/seed_2"):
        assert f"{100 * metrics_of(runs / name)['test']['span_f1']['strict']:.2f}" in found


@pytest.mark.slow
def test_reproduce_repeats_an_older_run(runs: Path) -> None:
    status = main(["reproduce", "runs/token", "-o", "again"])
    assert status in (0, 1)  # identical to the bit only on a machine like the first one
    assert logged(Path("again")) == pytest.approx(logged(runs / "token"), rel=1e-3)


def test_train_resumes_an_older_checkpoint(runs: Path) -> None:
    expected = json.loads((runs / "expected.json").read_text(encoding="utf-8"))
    checkpoint = "ckpt_path=runs/token/checkpoints/last.ckpt"
    run = seqlab.train([*overrides_of(runs / "token"), expected["override"], checkpoint, "hydra.run.dir=runs/resumed"])
    assert logged(run.folder) == pytest.approx(expected["resumed"], rel=1e-3)


def test_train_scores_an_older_checkpoint(runs: Path) -> None:
    checkpoint = "ckpt_path=runs/token/checkpoints/best.ckpt"
    run = seqlab.train([*overrides_of(runs / "token"), "train=false", checkpoint, "hydra.run.dir=runs/scored"])
    assert flat(run.metrics["test"]) == pytest.approx(flat(metrics_of(runs / "token")["test"]), abs=1e-6)


def test_sweep_reads_an_older_study(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "best", str(sweep)]) == 0
    best = max(metrics_of(sweep / number)["val"]["span_f1"]["strict"] for number in ("0", "1"))
    assert f"{best:.6g}" in capsys.readouterr().out
    assert main(["sweep", "export", str(sweep), "-o", str(sweep / "trials.json")]) == 0
    assert main(["report", str(sweep / "trials.json")]) == 0


def test_report_reads_the_folder_of_an_older_sweep(sweep: Path) -> None:
    assert main(["report", str(sweep), "-o", str(sweep / "report.json")]) == 0
    assert "optimizer.lr" in (sweep / "report.json").read_text(encoding="utf-8")
