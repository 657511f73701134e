"""Reports of many runs: folders of real runs, exported studies, repetitions, and what is wrong with them."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from seqlab.errors import DataError
from seqlab.report.analysis.noise import BEST, WORSE
from seqlab.report.charts import Curves, Parallel, Scatter
from seqlab.report.document.model import Document, Figure, Paragraph, Section, Table
from seqlab.report.document.writing import written
from seqlab.report.subject import report_of
from seqlab.training.train import Run

MONITOR = "val/accuracy"


def sections(document: Document) -> dict[str, Section]:
    return {section.title: section for _, section in document.walk()}


def table(section: Section) -> list[dict[str, Any]]:
    found = next(block for block in section.blocks if isinstance(block, Table))
    return [dict(zip([column.name for column in found.columns], row, strict=True)) for row in found.rows]


def chart(section: Section) -> Any:
    return next(block for block in section.blocks if isinstance(block, Figure)).chart


@pytest.fixture(scope="module")
def folder(run_of_kind: Mapping[str, Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return copies of a real run as a sweep: two learning rates with three seeds of known scores each, and one that failed."""
    root = tmp_path_factory.mktemp("sweep") / "multirun"
    for number in range(7):
        run = root / str(number)
        shutil.copytree(run_of_kind["tags"].folder, run)
        lr, seed = (0.1, 0.2)[number % 2], number // 2
        config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8")) | {"seed": seed, "monitor": MONITOR}
        (run / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        (run / ".hydra").mkdir(exist_ok=True)
        words = ["data=lines", f"optimizer.lr={lr}", f"seed={seed}", f"hydra.run.dir={run}"]
        (run / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(words), encoding="utf-8")
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        metrics["training"] |= {"monitor": MONITOR, "best": (0.5, 0.9)[number % 2] + seed / 100}
        (run / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    (root / "6" / "metrics.json").unlink()
    return root


def test_runs_are_grouped_over_seeds_and_marked(folder: Path) -> None:
    found = sections(report_of(folder, n_examples=0))
    best, worst = table(found["Settings over seeds"])
    assert (best["optimizer.lr"], best["seeds"], best["against the best"]) == (0.2, 3, BEST)
    assert best["mean"] == pytest.approx(0.91)
    assert best["from"] < 0.91 < best["to"]
    assert (worst["optimizer.lr"], worst["seeds"], worst["against the best"]) == (0.1, 3, WORSE)
    assert worst["p"] < 0.001


def test_every_run_has_a_row_with_what_is_known_of_it(folder: Path, run_of_kind: Mapping[str, Run]) -> None:
    rows = table(sections(report_of(folder, n_examples=0))["All trials"])
    assert [row["trial"] for row in rows] == ["5", "3", "1", "4", "2", "0", "6"]
    assert [row["state"] for row in rows[-2:]] == ["complete", "failed"]
    assert rows[0]["test/accuracy"] == run_of_kind["tags"].metrics["test"]["accuracy"]
    assert rows[0]["n_parameters"] > 100
    assert rows[0]["seconds"] > 0
    assert "hydra.run.dir" not in rows[0]
    failed = table(sections(report_of(folder, n_examples=0))["Failed"])
    assert [(row["trial"], row["why"].split(":")[0]) for row in failed] == [("6", "no metrics.json")]


def test_pictures_show_every_run(folder: Path) -> None:
    found = sections(report_of(folder, n_examples=0))
    curves = chart(found["Learning curves"])
    assert isinstance(curves, Curves)
    assert [series.style for series in curves.series].count("strong") == 1
    assert len(curves.series) == 7
    lines = chart(found["Parallel coordinates"])
    assert isinstance(lines, Parallel)
    assert [axis.name for axis in lines.axes] == ["optimizer.lr", MONITOR]
    assert max(lines.paths, key=lambda path: path.score).name.startswith("5: optimizer.lr=0.2")
    (explained,) = table(found["Importance of settings"])
    assert explained["setting"] == "optimizer.lr"
    assert explained["explained"] > 0.9


def test_all_formats_are_written(folder: Path) -> None:
    document = report_of(folder, n_examples=0)
    page, text, content = (written(document, kind) for kind in ("html", "markdown", "json"))
    for title in sections(document):
        assert title in page
        assert title in text
        assert title in content


def test_runs_that_were_started_from_python_differ_by_their_configs(folder: Path, tmp_path: Path) -> None:
    for number in range(4):
        shutil.copytree(folder / str(number), tmp_path / str(number))
        path = tmp_path / str(number) / "config.yaml"
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        config["optimizer"]["lr"] = (0.1, 0.2)[number % 2]
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        (tmp_path / str(number) / ".hydra" / "overrides.yaml").unlink()
    rows = table(sections(report_of(tmp_path, n_examples=0))["Settings over seeds"])
    assert [(row["optimizer.lr"], row["seeds"]) for row in rows] == [(0.2, 2), (0.1, 2)]


def trial(number: int, state: str, value: float | None, **changes: Any) -> dict[str, Any]:
    content = {
        "number": number,
        "state": state,
        "values": None if value is None else [value],
        "params": {"optimizer.lr": 10.0 ** -(number % 4), "encoder": ("lstm", "gru")[number % 2]},
        "intermediate": [[1, 0.1 * number], [2, value or 0.0]],
        "seconds": 3.5,
        "failure": None,
        "folder": f"multiruns/s/{number}",
        "measures": {"n_parameters": 1000 + number},
    }
    return content | changes


def study(**changes: Any) -> dict[str, Any]:
    trials = [trial(i, "complete", 0.5 + i / 20) for i in range(6)]
    trials += [
        trial(6, "pruned", 0.2, intermediate=[[1, 0.05]]),
        trial(7, "failed", None, failure="Traceback …\nMemoryError: <b>", intermediate=[]),
    ]
    content = {
        "format": "seqlab-sweep/1",
        "study": "s",
        "storage": "sqlite:///s.db",
        "folder": "multiruns/s",
        "monitor": "val/span_f1/strict",
        "objectives": [{"name": "val/span_f1/strict", "direction": "maximize"}],
        "sampler": "tpe",
        "pruner": "asha",
        "n_trials": 8,
        "overrides": ["data=sample"],
        "space": {},
        "best": [5],
        "importance": {"optimizer.lr": 0.8, "encoder": 0.2},
        "counts": {"complete": 6, "pruned": 1, "failed": 1, "running": 0},
        "trials": trials,
    }
    return content | changes


def exported(folder: Path, **changes: Any) -> Path:
    path = folder / "trials.json"
    path.write_text(json.dumps(study(**changes)), encoding="utf-8")
    return path


def test_a_study_says_what_was_pruned_and_what_failed(tmp_path: Path) -> None:
    found = sections(report_of(exported(tmp_path), n_examples=0))
    (pruned,) = table(found["Pruned"])
    assert list(pruned.values()) == ["6", 1, 0.05, pytest.approx(0.25), 5 / 6]
    (failed,) = table(found["Failed"])
    assert failed["why"] == "Traceback … ↵ MemoryError: <b>"
    assert "MemoryError: &lt;b&gt;" in written(report_of(exported(tmp_path), n_examples=0), "html")
    assert {row["setting"]: row["PED-ANOVA"] for row in table(found["Importance of settings"])} == {
        "optimizer.lr": 0.8,
        "encoder": 0.2,
    }
    (note,) = found["Settings over seeds"].blocks
    assert isinstance(note, Paragraph)
    assert "the noise is unknown" in note.text


def test_a_front_is_over_all_objectives(tmp_path: Path) -> None:
    objectives = [{"name": "f1", "direction": "maximize"}, {"name": "latency_ms", "direction": "minimize"}]
    points = [(0.5, 1.0), (0.6, 2.0), (0.55, 3.0), (0.7, 9.0)]
    trials = [trial(i, "complete", None, values=list(point), measures={}) for i, point in enumerate(points)]
    found = sections(report_of(exported(tmp_path, objectives=objectives, trials=trials, importance=None), n_examples=0))
    scatter = chart(found["Pareto front"])
    assert isinstance(scatter, Scatter)
    assert [(point.x, point.y, point.is_front) for point in sorted(scatter.points, key=lambda p: p.name)] == [
        (1.0, 0.5, True),
        (2.0, 0.6, True),
        (3.0, 0.55, False),
        (9.0, 0.7, True),
    ]


def test_a_study_of_nothing_yet_is_reported(tmp_path: Path) -> None:
    document = report_of(exported(tmp_path, trials=[], monitor=None, importance=None, counts={}), n_examples=0)
    assert "No trial has finished with a score." in written(document, "html")
    assert "Pareto front" not in sections(document)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"trials\.json:1: not JSON"),
        ("[]", r"trials\.json holds a list; expected a study from `seqlab sweep export STUDY -o trials\.json`"),
        (
            "{}",
            r"trials\.json: format is None; this seqlab reads format 'seqlab-sweep/1'; update seqlab, or choose a study from",
        ),
        (json.dumps(study(format="seqlab-sweep/2")), "format is 'seqlab-sweep/2'"),
        (json.dumps({"format": "seqlab-sweep/1"}), r"damaged \(KeyError: 'objectives'\)"),
        (json.dumps(study(trials=[{}])), r"damaged \(KeyError: 'measures'\)"),
    ],
)
def test_files_that_are_no_study_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "trials.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        report_of(path, n_examples=0)


def test_repetitions_have_mean_and_interval(folder: Path, tmp_path: Path) -> None:
    for i in range(2):
        shutil.copytree(folder / str(2 * i), tmp_path / f"seed_{i}")
    shutil.copy(folder / "0" / "config.yaml", tmp_path / "config.yaml")
    summary = {"values": {"seed_0": 0.8, "seed_1": 0.82}, "n": 2, "mean": 0.81, "sd": 0.0141, "interval": [0.68, 0.93]}
    repetitions = [
        {"name": f"seed_{i}", "seed": i, "fold": None, "status": "finished", "monitored": 0.8, "error": None} for i in (0, 1)
    ]
    content = {"format": 1, "seeds": [0, 1], "folds": None, "metrics": {"test/accuracy": summary}, "repetitions": repetitions}
    (tmp_path / "repeats.json").write_text(json.dumps(content), encoding="utf-8")
    found = sections(report_of(tmp_path, n_examples=0))
    assert list(table(found["Scores over repetitions"])[0].values()) == ["test/accuracy", 2, 0.81, 0.0141, 0.68, 0.93]
    assert [row["trial"] for row in table(found["All trials"])] == ["seed_1", "seed_0"]
    (tmp_path / "repeats.json").write_text('{"format": 9}', encoding="utf-8")
    with pytest.raises(DataError, match=r"repeats\.json: format is 9; this seqlab reads format 1"):
        report_of(tmp_path, n_examples=0)
