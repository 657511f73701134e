"""Runs repeated by seeds: the plain runs to the bit, a summary of them, and what was done is not done again."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig

import seqlab
from seqlab.config.compose import compose, plain
from seqlab.config.overrides import Overrides
from seqlab.config.settings import check_repeat
from seqlab.errors import BundleError, ConfigError, DataError, SeqlabError
from seqlab.runs.find_model import find_bundle
from seqlab.runs.repeated_run import FinishedRepeat
from seqlab.testing.runs import SMALL, train_small
from seqlab.training.train import Run

FAST = ["trainer.max_epochs=1", "seed=7"]
METRIC = "test/span_f1/partial"


def weights(folder: Path) -> bytes:
    return (folder / "model" / "weights.safetensors").read_bytes()


def test_a_repetition_is_the_plain_run_with_its_seed(by_seeds: Run, corpus: Path, tmp_path: Path) -> None:
    plain = train_small(corpus, tmp_path, [*FAST, "seed=8"])
    assert weights(plain.folder) == weights(by_seeds.folder / "seed_8") != weights(by_seeds.folder / "seed_7")
    assert json.loads((plain.folder / "metrics.json").read_text()) == json.loads(
        (by_seeds.folder / "seed_8" / "metrics.json").read_text()
    )


def test_repeats_say_values_mean_spread_and_interval(by_seeds: Run) -> None:
    found = FinishedRepeat(by_seeds.folder)
    values = {name: run.metrics["test"]["span_f1"]["partial"] for name, run in found.runs.items()}
    assert found.names == ["seed_7", "seed_8"]
    assert found.content["metrics"][METRIC]["values"] == values
    summary = found.content["metrics"][METRIC]
    assert summary["mean"] == pytest.approx(np.mean(list(values.values())))
    assert summary["sd"] == pytest.approx(np.std(list(values.values()), ddof=1))
    assert summary["interval"][0] <= summary["mean"] <= summary["interval"][1]


def test_the_run_has_means(by_seeds: Run) -> None:
    summary = FinishedRepeat(by_seeds.folder).content["metrics"]
    assert by_seeds.metrics["test"]["span_f1"]["partial"] == summary[METRIC]["mean"]
    assert by_seeds.monitored == summary["monitored"]["mean"]


def test_the_model_is_that_of_the_best_by_validation(by_seeds: Run, caplog: pytest.LogCaptureFixture) -> None:
    monitored = FinishedRepeat(by_seeds.folder).content["metrics"]["monitored"]["values"]
    best = max(monitored, key=monitored.__getitem__)
    assert find_bundle(by_seeds.folder) == by_seeds.folder / best / "model" == by_seeds.model
    assert f"using the model of {best}, the best by validation" in caplog.text
    assert seqlab.load(by_seeds.folder).predict([["Ada", "slept"]])


def test_started_again_only_what_is_missing_runs(by_seeds: Run, corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    shutil.copytree(by_seeds.folder, folder)
    before = (folder / "seed_7" / "metrics.json").stat().st_mtime_ns
    (folder / "seed_8" / "metrics.json").unlink()  # as if it had been killed
    (folder / "seed_8" / "stale").touch()
    train_small(corpus, folder, [*FAST, "repeat.seeds=2"])
    assert (folder / "seed_7" / "metrics.json").stat().st_mtime_ns == before
    assert not (folder / "seed_8" / "stale").exists()
    assert weights(folder / "seed_8") == weights(by_seeds.folder / "seed_8")


def test_a_folder_of_another_config_is_refused(by_seeds: Run, corpus: Path) -> None:
    before = {path: path.read_bytes() for path in by_seeds.folder.iterdir() if path.is_file()}
    assert {path.name for path in before} >= {"config.yaml", "environment.json", "repeats.json"}
    with pytest.raises(ConfigError, match=r"seed_7 is a run with another config: optimizer\.lr is .* there and 0\.5 here"):
        train_small(corpus, by_seeds.folder, [*FAST, "repeat.seeds=2", "optimizer.lr=0.5"])
    assert {path: path.read_bytes() for path in by_seeds.folder.iterdir() if path.is_file()} == before


def test_a_repetition_whose_config_is_damaged_is_reported(by_seeds: Run, corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(by_seeds.folder, folder)
    for text, message in (("a: [", ": not YAML"), ("- a", " holds a list; expected the config of a run")):
        (folder / "seed_7" / "config.yaml").write_text(text)
        with pytest.raises(DataError, match=rf"seed_7/config\.yaml{message}"):
            train_small(corpus, folder, [*FAST, "repeat.seeds=2"])


def test_one_repetition_has_no_interval(corpus: Path, tmp_path: Path) -> None:
    run = train_small(corpus, tmp_path, [*FAST, "repeat.seeds=[3]"])
    summary = FinishedRepeat(run.folder).content["metrics"][METRIC]
    assert (summary["n"], summary["sd"], summary["interval"]) == (1, None, None)


def test_a_repetition_that_fails_keeps_the_others(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = seqlab.training.train.run_once

    def fragile(config: DictConfig, *, typed: Overrides) -> Run:
        if config.seed == 7:
            raise RuntimeError("out of\nluck")
        return whole(config, typed=typed)

    monkeypatch.setattr("seqlab.training.train.run_once", fragile)
    run = train_small(corpus, tmp_path, [*FAST, "repeat.seeds=2"])
    assert run.repeats is not None
    assert [(one["name"], one["status"], one["error"]) for one in run.repeats["repetitions"]] == [
        ("seed_7", "failed", "RuntimeError: out of luck"),
        ("seed_8", "finished", None),
    ]
    assert "Traceback" in (tmp_path / "seed_7" / "error.txt").read_text()


def test_when_all_fail_it_is_reported_once(tmp_path: Path) -> None:
    with pytest.raises(SeqlabError, match=r"nowhere.*\(all 2 failed"):
        train_small(Path("nowhere"), tmp_path, ["repeat.seeds=2"])
    with pytest.raises(BundleError, match="none of its repetitions has finished"):
        find_bundle(tmp_path)


def test_what_cannot_work_is_not_tried_to_the_end(tmp_path: Path) -> None:
    with pytest.raises(SeqlabError, match=r"nowhere.*\(2 failed alike, and 48 were left out; "):
        train_small(Path("nowhere"), tmp_path, ["repeat.seeds=50"])
    assert sorted(path.parent.name for path in tmp_path.glob("*/error.txt")) == ["seed_12345", "seed_12346"]


def test_a_plain_run_stays_out_of_the_folder_of_a_repeated_one(corpus: Path, by_seeds: Run) -> None:
    before = (by_seeds.folder / "config.yaml").read_text()
    with pytest.raises(ConfigError, match="is the folder of a repeated run; choose another one"):
        train_small(corpus, by_seeds.folder, FAST)
    assert (by_seeds.folder / "config.yaml").read_text() == before


def test_runs_that_are_not_counted_are_reported(
    corpus: Path, by_seeds: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(by_seeds.folder, tmp_path / "again")
    train_small(corpus, tmp_path / "again", [*FAST, "repeat.seeds=1"])
    assert f"ignoring seed_8 in {tmp_path / 'again'}: not among the repetitions" in caplog.text


def test_an_interrupt_says_how_to_go_on(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("seqlab.training.module.LabelerModule.on_validation_epoch_end", interrupted)
    with pytest.raises(KeyboardInterrupt, match=f"to continue: seqlab resume {tmp_path}"):
        train_small(corpus, tmp_path, [*FAST, "repeat.seeds=2"])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["repeat=5"], r"repeat is 5; expected repeat\.seeds=5 or repeat\.folds=5"),
        (["repeat.seeds=0"], r"repeat\.seeds is 0; expected how many, from 1, or a list"),
        (["repeat.seeds=[1,1]"], r"repeat\.seeds is \[1, 1\]; expected"),
        (["repeat.seeds=[]"], r"repeat\.seeds is \[\]; expected"),
        (["repeat.folds=1"], r"repeat\.folds is 1; expected a whole number from 2"),
        (["repeat.folds=500", "repeat.seeds=3"], r"repeat asks for 1,500 runs; expected at most 1,000"),
        (["repeat.seeds=2", "repeat.n_workers=0"], r"repeat\.n_workers is 0; expected"),
        (["repeat.folds=2", "fold={index:1,of:2}"], "leave one of them out"),
        (["fold={index:4,of:3}"], r"fold is .*; expected a fold from 1"),
    ],
)
def test_bad_numbers_are_reported_before_anything_runs(tmp_path: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        train_small(Path("nowhere"), tmp_path, overrides)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["trainer=ddp", "trainer.accelerator=cpu"], r"trainer\.devices is 2; expected one process for each repetition"),
        (["trainer=ddp", "trainer.devices=1"], r"trainer\.strategy is 'ddp'; expected one process .* repeat\.n_workers=…"),
        (["+trainer.strategy={_target_: pytorch_lightning.strategies.DDPStrategy}"], r"trainer\.strategy is .*DDPStrategy"),
        (["+trainer.num_nodes=2"], r"trainer\.num_nodes is 2; expected one process"),
        (["trainer.devices=[0,1]"], r"trainer\.devices is \[0, 1\]; expected one process"),
        (["trainer.devices=auto"], r"trainer\.devices is 'auto'; expected one process"),
    ],
)
def test_repetitions_of_several_processes_are_refused(tmp_path: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        train_small(Path("nowhere"), tmp_path, [*overrides, "repeat.seeds=2"])


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["trainer.devices=[0]", "+trainer.strategy=auto", "+trainer.num_nodes=1"],
        ["+trainer.strategy={_target_: pytorch_lightning.strategies.SingleDeviceStrategy}"],
    ],
)
def test_repetitions_of_one_process_each_are_not(overrides: list[str]) -> None:
    check_repeat(plain(compose([*overrides, "repeat.seeds=2"])))


@pytest.mark.slow
def test_processes_side_by_side_give_the_same_bits(by_seeds: Run, corpus: Path, tmp_path: Path) -> None:
    run = train_small(corpus, tmp_path, [*FAST, "repeat.seeds=2", "repeat.n_workers=2"])
    assert run.metrics == by_seeds.metrics
    assert [weights(run.folder / name) == weights(by_seeds.folder / name) for name in ("seed_7", "seed_8")] == [True, True]


@pytest.mark.slow
def test_killed_with_its_workers_and_started_again_it_ends_as_the_unbroken_one(
    by_seeds: Run, corpus: Path, tmp_path: Path
) -> None:
    words = [*SMALL, *FAST, f"data.dir={corpus}", "repeat.seeds=2", "repeat.n_workers=2", f"hydra.run.dir={tmp_path}"]
    command = [sys.executable, "-m", "seqlab", "train", *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not (tmp_path / "repeats.json").exists() and process.poll() is None:
            time.sleep(0.1)
        process.kill()
    deadline = time.monotonic() + 60
    while _of_folder(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _of_folder(tmp_path), "workers outlive the one that started them"
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert [weights(tmp_path / name) == weights(by_seeds.folder / name) for name in ("seed_7", "seed_8")] == [True, True]


def _of_folder(folder: Path) -> list[Path]:
    """Return the processes that have a file in `folder` open."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(link.readlink()).startswith(str(folder)) for link in (process / "fd").iterdir()):
                found.append(process)
        except OSError:
            continue
    return found
