"""`seqlab train repeat.…` and `seqlab compare` from the command line."""

import json
from pathlib import Path

import pytest
from omegaconf import DictConfig

from seqlab.cli import main
from seqlab.cli.repeats import print_repeats
from seqlab.config.overrides import Overrides
from seqlab.testing.runs import SMALL, write_corpus
from seqlab.training.repeats import nested
from seqlab.training.train import Run

pytestmark = pytest.mark.slow

FAST = [*SMALL, "trainer.max_epochs=1", "seed=7"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "data")


@pytest.fixture(scope="module")
def folder(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run with two seeds, started from the command line."""
    folder = tmp_path_factory.mktemp("runs") / "repeated"
    assert main(["train", *FAST, f"data.dir={corpus}", "repeat.seeds=2", f"hydra.run.dir={folder}"]) == 0
    return folder


def test_the_table_has_the_test_metrics_with_spread_and_interval_the_main_one_first(
    corpus: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *FAST, f"data.dir={corpus}", "repeat.seeds=2", f"hydra.run.dir={folder}"]) == 0
    out = capsys.readouterr().out
    assert "seed_7 has finished already" in out
    content = json.loads((folder / "repeats.json").read_text())
    rows = [line.split() for line in out.splitlines() if line.startswith(("test/", "val/", "monitored"))]
    assert [row[0] for row in rows if row[0] != "test/expected_calibration_error"] == [
        *("test/span_f1/strict", "test/precision/strict", "test/recall/strict", "test/accuracy", "monitored"),
    ]
    for name, *row in rows:
        found = content["metrics"][name]
        if found["n"] == 1:  # calibration of spans, where one of the runs found none
            assert row == [f"{100 * found['mean']:.2f}", "%", "undefined"]
            continue
        low, high = (f"{100 * end:.2f}" for end in found["interval"])
        assert row == [f"{100 * found['mean']:.2f}", "%", "±", f"{100 * found['sd']:.2f}", "%", f"[{low}", "%,", high, "%]"]
    assert f"all {len(content['metrics'])} metrics are in {folder}/repeats.json" in out
    assert "2 of 2 runs" in out
    assert f"best run    {folder}/{content['best']}" in out


def test_one_repetition_says_that_its_interval_is_undefined(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *FAST, f"data.dir={corpus}", "repeat.seeds=1", f"hydra.run.dir={tmp_path}"]) == 0
    out = capsys.readouterr().out
    assert "one run has no spread, so the standard deviation and interval are undefined" in out
    rows = [line.split() for line in out.splitlines() if line.startswith(("test/", "monitored"))]
    assert len(rows) >= 5
    assert all(row[2:] == ["%", "undefined"] for row in rows)


def test_what_is_no_share_is_shown_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = {"test/near/pearson": 0.5, "test/near/mse": 1.25, "test/is/accuracy": 0.75, "test/is/macro_f1": 0.25}
    values |= {"val/is/accuracy": 0.7, "monitored": 2.5}
    repeats = {
        "metrics": {name: {"n": 2, "mean": x, "sd": x / 5, "interval": (0.0, 2 * x)} for name, x in values.items()},
        "repetitions": [{"name": f"seed_{i}", "status": "finished"} for i in (1, 2)],
        "monitor": "val/loss",
        "best": "seed_1",
        "folds": None,
        "out_of_fold": {},
    }
    means = nested({name: value for name, value in values.items() if name != "monitored"})
    (tmp_path / "bundle.json").write_text(
        json.dumps({"format": 1, "fields": {}, "config": {"embedding": {}, "encoder": {}, "heads": {"near": {}, "is": {}}}})
    )
    print_repeats(Run(tmp_path, tmp_path, means, 2.5, repeats=repeats))
    out = capsys.readouterr().out
    rows = [line.split(maxsplit=1) for line in out.splitlines() if line.startswith(("test/", "val/", "monitored"))]
    assert [(name, " ".join(row.split())) for name, row in rows] == [
        ("test/near/pearson", "0.5000 ± 0.1000 [0.0000, 1.0000]"),
        ("test/is/accuracy", "75.00 % ± 15.00 % [0.00 %, 150.00 %]"),
        ("test/near/mse", "1.2500 ± 0.2500 [0.0000, 2.5000]"),
        ("test/is/macro_f1", "25.00 % ± 5.00 % [0.00 %, 50.00 %]"),
        ("monitored", "2.5000 ± 0.5000 [0.0000, 5.0000]"),
    ]
    assert "all 6 metrics are in" in out
    assert "per cent" not in out


def test_a_failed_repetition_is_named_and_the_status_is_not_zero(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqlab.training import train as training

    whole = training.run_once

    def fragile(config: DictConfig, *, typed: Overrides) -> Run:
        if config.seed == 8:
            raise MemoryError("too little of it")
        return whole(config, typed=typed)

    monkeypatch.setattr(training, "run_once", fragile)
    assert main(["train", *FAST, f"data.dir={corpus}", "repeat.seeds=2", f"hydra.run.dir={tmp_path}"]) == 2
    captured = capsys.readouterr()
    assert "1 of 2 runs" in captured.out
    assert "1 of 2 repetitions failed: seed_8: MemoryError: too little of it; to retry them, add hydra.run.dir=" in captured.err


def test_a_sweep_gets_the_mean(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "-m", *FAST, f"data.dir={corpus}", "repeat.seeds=2", "encoder.width=4,6", f"hydra.sweep.dir={tmp_path}"]
    assert main(words) == 0
    assert sorted(path.parent.name for path in tmp_path.glob("*/repeats.json")) == ["0", "1"]
    assert sorted(path.name for path in (tmp_path / "1").glob("seed_*")) == ["seed_7", "seed_8"]


def test_predict_takes_the_best(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.txt").write_text("Ada met Kiel\n")
    best = json.loads((folder / "repeats.json").read_text())["best"]
    outputs = []
    for path in (folder, folder / best):
        assert main(["predict", str(path), str(tmp_path / "text.txt"), "--to", "jsonl"]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]


def test_compare_prints_table_and_sentences(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = folder / "seed_7", folder / "seed_8"
    assert main(["compare", str(a), str(b), "--n-resamples", "50"]) == 0
    out = capsys.readouterr().out
    assert out.count("over 4 records") + out.count("on 4 records") == 2
    assert "note: one seed does not show" in out


def test_compare_says_what_it_is_given(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(folder), str(folder), "--n-resamples", "50"]) == 0
    out = capsys.readouterr().out
    assert f"note: {folder} is compared with itself" in out
    assert "note: a repeated run is scored on all its answers together" in out
    assert "one seed" not in out


def test_compare_as_json_is_the_same_for_the_same_seed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", str(folder / "seed_7"), str(folder / "seed_8"), "--n-resamples", "50", "--format", "json"]
    found = []
    for _ in range(2):
        assert main(words) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1]
    content = json.loads(found[0], parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert [one["score"] for one in content["findings"]] == ["span F1", "accuracy"]
    metrics = json.loads((folder / "seed_7" / "metrics.json").read_text())["test"]
    assert content["findings"][0]["records"]["value_a"] == pytest.approx(metrics["span_f1"]["strict"])
    assert content["findings"][1]["records"]["value_a"] == pytest.approx(metrics["accuracy"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["compare", "nowhere"], "runs is nowhere; expected two or more"),
        (["compare", "nowhere", "there"], "nowhere: no answers to compare"),
        (["compare", "a", "b", "--n-resamples", "0"], "--n-resamples is 0"),
        (["reproduce", "nowhere"], "lock.json does not exist"),
    ],
)
def test_mistakes_are_reported_in_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1
