"""Whole sweeps: broken trials, killed sweeps, concurrent sweeps, pruning, retries."""

import json
import random
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.slow
GRID = ("hparams_search=grid", "hydra.sweeper.n_workers=2")


def test_sixteen_trials_survive_five_that_break_and_three_kills_of_the_parent(sweeping: Any) -> None:
    command = sweeping.command(*GRID, "seed=range(0,16)", study="mine")
    moments = random.Random(0)
    finished: dict[int, tuple[str, float]] = {}
    root = sweeping.folder / "multiruns" / "mine"
    for _ in range(3):
        sweeping.kill_after(command, n_more=moments.randint(1, 3), study="mine", seconds=moments.uniform(0, 1))
        content = sweeping.exported(str(root))
        done = {t["number"]: (t["ended"], _modified(root / str(t["number"]))) for t in content["trials"] if t["ended"]}
        assert {number: done[number] for number in finished} == finished, "a trial that had ended was run again"
        finished = done
        time.sleep(0.5)
    sweeping.finish(command)
    content = sweeping.exported(str(root))
    trials = content["trials"]
    assert content["counts"] == {"complete": 11, "pruned": 0, "failed": 5, "running": 0, "interrupted": 0, "waiting": 0}
    assert [trial["number"] for trial in trials] == list(range(16))
    assert sorted(trial["params"]["seed"] for trial in trials) == list(range(16))
    reasons = {trial["params"]["seed"]: trial["failure"] for trial in trials if trial["state"] == "failed"}
    assert set(reasons) == set(sweeping.broken)
    assert all(reason in reasons[seed] for seed, reason in sweeping.broken.items())
    assert {
        t["number"]: (t["ended"], _modified(root / str(t["number"]))) for t in trials if t["number"] in finished
    } == finished
    once = [trial for trial in trials if trial["attempts"] == 1]
    assert all(sweeping.begun().count(trial["params"]["seed"]) == 1 for trial in once)
    again = [trial for trial in trials if trial["attempts"] > 1]
    assert again, "no kill interrupted a trial"
    assert all((root / f"{trial['number']}.attempt-{trial['attempts'] - 1}").is_dir() for trial in again)
    for trial in trials:
        assert Path(trial["folder"]) == root / str(trial["number"])
        assert (Path(trial["folder"]) / "metrics.json").is_file() == (trial["state"] == "complete")
    sweeping.finish(command)  # a finished study must not change
    assert sweeping.exported(str(root)) == content


def test_two_parents_share_one_study(sweeping: Any) -> None:
    command = sweeping.command("hparams_search=grid", "hydra.sweeper.n_workers=1", "seed=range(30,38)", study="shared")
    parents = [sweeping.start(command, log=log) for log in ("first", "second")]
    assert [parent.wait(timeout=1800) for parent in parents] == [0, 0], sweeping.log_text("first") + sweeping.log_text("second")
    content = sweeping.exported("multiruns/shared")
    assert content["counts"]["complete"] == len(content["trials"]) == 8
    assert sorted(sweeping.begun()) == list(range(30, 38))
    shares = [sum(line.startswith("[") for line in sweeping.log_text(log).splitlines()) for log in ("first", "second")]
    assert sum(shares) == 8
    assert min(shares) >= 1


def test_an_interrupt_ends_the_trials_and_the_same_command_resumes_them(sweeping: Any) -> None:
    command = sweeping.command(*GRID, "seed=range(40,44)", study="stopped")
    process = sweeping.start(command)
    while not sweeping.begun():
        assert process.poll() is None, sweeping.log_text("log")
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert "interrupted; run the same command again to resume the study" in sweeping.log_text("log")
    assert "Traceback" not in sweeping.log_text("log")
    n_begun = len(sweeping.begun())
    time.sleep(2)
    assert len(sweeping.begun()) == n_begun, "a trial outlived its sweep"
    assert sweeping.exported("multiruns/stopped")["counts"]["running"] == 0
    sweeping.finish(command)
    assert sweeping.exported("multiruns/stopped")["counts"]["complete"] == 4


def test_pruned_trials_end_early_and_say_when(sweeping: Any) -> None:
    words = ["hparams_search=random", "hydra.sweeper.n_trials=6", "hydra/sweeper/pruner=asha", "trainer.max_epochs=3"]
    words += ["hydra.sweeper.pruner.reduction_factor=2", "optimizer.lr=choice(0.0,0.05)", "monitor=val/accuracy", "seed=50"]
    sweeping.finish(sweeping.command(*words, study="pruned"))
    content = sweeping.exported("multiruns/pruned")
    pruned = [trial for trial in content["trials"] if trial["state"] == "pruned"]
    assert pruned, sweeping.log_text("log")
    assert content["monitor"] == "val/accuracy"
    for trial in pruned:
        assert trial["epochs"] < 3
        assert trial["values"] == [trial["intermediate"][-1][1]]
        assert f"pruned after epoch {trial['epochs']}" in (Path(trial["folder"]) / "trial.log").read_text(encoding="utf-8")
    for trial in content["trials"]:
        if trial["state"] == "complete":
            assert [epoch for epoch, _ in trial["intermediate"]] == [1, 2, 3]


def test_failed_trials_are_retried_automatically_and_on_demand(sweeping: Any) -> None:
    command = sweeping.command("hparams_search=grid", "hydra.sweeper.retries=1", "seed=3,60", study="tried")
    sweeping.finish(command)
    content = sweeping.exported("multiruns/tried")
    (failed,) = [trial for trial in content["trials"] if trial["state"] == "failed"]
    assert (failed["attempts"], len(failed["failures"])) == (2, 1)
    assert sweeping.begun().count(3) == 2
    assert (sweeping.folder / "multiruns" / "tried" / f"{failed['number']}.attempt-1" / "trial.log").is_file()
    sweeping.retry("multiruns/tried")
    sweeping.finish(command)
    content = sweeping.exported("multiruns/tried")
    assert [trial["retry_of"] for trial in content["trials"]] == [None, None, failed["number"]]
    assert content["trials"][2]["params"] == failed["params"]
    assert sweeping.begun().count(3) == 4


def test_a_front_weighs_score_latency_and_size(sweeping: Any) -> None:
    words = ["hparams_search=pareto", "hydra.sweeper.n_trials=3", "encoder.width=choice(4,64)", "seed=70"]
    sweeping.finish(sweeping.command(*words, study="front"))
    content = sweeping.exported("multiruns/front")
    assert [one["name"] for one in content["objectives"]] == ["monitor", "latency_ms", "n_parameters"]
    sizes = {trial["params"]["encoder.width"]: trial["values"][2] for trial in content["trials"]}
    for trial in content["trials"]:
        score, latency, size = trial["values"]
        assert 0 <= score <= 1
        assert latency > 0
        assert size == trial["measures"]["n_parameters"]
    assert len(sizes) == 1 or sizes[4] < sizes[64]


def test_whatever_a_run_logs_may_be_an_objective(sweeping: Any) -> None:
    names = ["monitor", "val/loss", "train/loss", "test/loss", "val/mean", "val/label/accuracy"]
    objectives = f"+hydra.sweeper.objectives={{{','.join(f'{name}: min' for name in names[1:])}}}"
    words = ["hparams_search=grid", "seed=90,91", "head=[crf,sequence]", "test=true", "monitor=val/loss", objectives]
    sweeping.finish(sweeping.command(*words, study="logged"))
    content = sweeping.exported("multiruns/logged")
    assert content["counts"]["complete"] == 2, sweeping.log_text("log")
    assert [one["name"] for one in content["objectives"]] == names
    for trial in content["trials"]:
        values = dict(zip(names, trial["values"], strict=True))
        scores = json.loads((Path(trial["folder"]) / "metrics.json").read_text(encoding="utf-8"))
        assert values["val/label/accuracy"] == scores["val"]["label"]["accuracy"]
        assert values["monitor"] == values["val/loss"]
        assert len({values["val/loss"], values["train/loss"], values["test/loss"]}) == 3


def test_the_command_of_the_best_trial_trains_it_again(sweeping: Any) -> None:
    folder = sweeping.folder / "my conf" / "hparams_search"
    folder.mkdir(parents=True)
    content = (
        "# @package _global_\ndefaults: [random]\nencoder: {width: 6}\nhydra: {sweeper: {params: {seed: 'choice(100)'}}}\n"
    )
    (folder / "mine.yaml").write_text(content, encoding="utf-8")
    command = sweeping.command("hparams_search=mine", "hydra.sweeper.n_trials=1", "encoder=gru", study="again")
    command = [word for word in command if not word.startswith("encoder.width=")]
    command[4:4] = ["--config-dir", "my conf"]  # after `python -m seqlab train`
    sweeping.finish(command)
    (trial,) = sweeping.exported("multiruns/again")["trials"]
    words = shlex.split(sweeping.best("multiruns/again").rpartition("again   seqlab ")[2])
    sweeping.finish([sys.executable, "-m", "seqlab", *words, "hydra.run.dir=same"])
    runs = [Path(trial["folder"]), sweeping.folder / "same"]
    metrics, again = [json.loads((run / "metrics.json").read_text(encoding="utf-8")) for run in runs]
    assert metrics == again
    ours, theirs = [yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8")) for run in runs]
    assert ours["encoder"] == theirs["encoder"]
    assert ours["n_threads"] == theirs["n_threads"]


def test_another_search_under_the_same_name_is_refused(sweeping: Any) -> None:
    sweeping.finish(sweeping.command("hparams_search=grid", "seed=80,81", study="other"))
    changes = {
        "seed=80,82": "study 'other' searches another space: seed was choice(80, 81) and is choice(80, 82)",
        "monitor_mode=min seed=80,81": "has the objectives monitor (maximize), but this sweep has monitor (minimize)",
    }
    for words, message in changes.items():
        process = sweeping.start(sweeping.command("hparams_search=grid", *words.split(), study="other"), log="refused")
        assert process.wait(timeout=120) == 2
        assert message in sweeping.log_text("refused")
        assert "choose another hydra.sweeper.study_name" in sweeping.log_text("refused")


def _modified(folder: Path) -> float:
    """Return when anything in a folder last changed."""
    return max((path.stat().st_mtime for path in [folder, *folder.rglob("*")]), default=0.0)
