"""Each head is scored on the sets that serve it, while training and by `seqlab evaluate`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from seqlab.cli import main
from seqlab.cli.results import print_run
from seqlab.metrics.flat_scores import flat_scores
from seqlab.training.train import Run

pytestmark = pytest.mark.slow

Train: TypeAlias = Callable[..., Run]


def evaluated(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    capsys.readouterr()
    assert main(["evaluate", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_scores_are_those_of_each_heads_set(finished: Run) -> None:
    metrics = json.loads((finished.folder / "metrics.json").read_text())
    for split in ("val", "test"):
        assert set(metrics[split]) == {"tags", "label"}
        assert "span_f1" in metrics[split]["tags"]
    assert metrics["training"]["monitor"] == "val/mean"
    main_scores = [metrics["val"]["tags"]["span_f1"]["strict"], metrics["val"]["label"]["accuracy"]]
    assert metrics["training"]["best"] == pytest.approx(sum(main_scores) / 2)


def test_the_bundle_scores_each_set_on_its_own_split(finished: Run, capsys: pytest.CaptureFixture[str]) -> None:
    expected = json.loads(json.dumps(finished.metrics["test"]))
    assert evaluated(capsys, finished.folder) == expected
    one = evaluated(capsys, finished.folder, "--data-set", "requests")
    assert one == {"label": expected["label"]}
    assert set(evaluated(capsys, finished.folder, "--split", "val")) == {"tags", "label"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data-set", "ewt"], "--data-set is 'ewt'; the model was trained on news, requests"),
        (["test"], "choose whose heads to score on test: --data-set news or --data-set requests"),
        (["--format", "alternating"], "--format is 'alternating', which is not a file format"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    finished: Run, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["evaluate", str(finished.folder), *words]) == 2
    assert message in capsys.readouterr().err


def test_a_head_that_several_sets_serve_is_scored_on_each(
    run: Train, two_sets: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = [
        word for word in two_sets if not word.startswith(("+data.sets.news.heads", "head=", "heads.", "+data.sets.requests"))
    ]
    shared = run(tmp_path / "run", ["head=[sequence]", "trainer.max_epochs=1"], base=base)
    assert set(shared.metrics["test"]) == {"label@news", "label@requests"}
    assert shared.monitored == pytest.approx(sum(s["accuracy"] for s in shared.metrics["val"].values()) / 2)
    again = evaluated(capsys, shared.folder)
    assert list(again) == list(shared.metrics["test"])
    for name, scores in shared.metrics["test"].items():
        assert flat_scores(again[name]) == pytest.approx(flat_scores(scores), abs=1e-6), name
    print_run(shared, n_examples=1)
    assert "test, label@news" in capsys.readouterr().out


def test_a_set_without_a_test_split_has_no_test_scores(run: Train, tmp_path: Path) -> None:
    short = run(tmp_path / "run", ["data.sets.news.splits.test=null", "trainer.max_epochs=1"])
    assert set(short.metrics["test"]) == {"label"}
    assert set(short.metrics["val"]) == {"tags", "label"}


@pytest.mark.parametrize("monitor", ["val/tags/span_f1/strict", "val/label/accuracy"])
def test_any_score_or_their_mean_may_be_watched(run: Train, tmp_path: Path, monitor: str) -> None:
    watched = run(tmp_path / "run", [f"monitor={monitor}", "trainer.max_epochs=1"])
    assert watched.monitored is not None
    assert f"monitor: {monitor}" in (watched.folder / "config.yaml").read_text("utf-8")
