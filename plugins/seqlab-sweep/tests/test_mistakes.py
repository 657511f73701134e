"""Mistakes are reported in one line before any trial starts."""

from pathlib import Path

import pytest

from seqlab.cli import main

SWEEP = ["train", "-m", "hparams_search=random", "hydra.sweeper.n_trials=2", "hydra.sweeper.study_name=mine"]
SMALL = ["data.reader.n_train=20", "data.reader.n_val=5", "data.reader.n_test=5", "embedding=[words]", "encoder.width=4"]


def error_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the single error line of a command; anything else on the output is a failure."""
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not Path("multiruns").exists(), "a trial has started, or left a trace"
    return err


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["optimizer.lr=interval(1, 0)"], "optimizer.lr is interval(1, 0), which is empty"),
        (["optimizer.lr=tag(log, interval(-1, 1))"], "a logarithmic scale starts above 0"),
        (["encoder.widht=4,8"], "encoder.widht: there is no such key; did you mean encoder.width?"),
        (["encoder=lstm,lstn"], "encoder=lstn: there is no such option; did you mean encoder=lstm?"),
        (["+hydra.sweeper.params.encoder='choice(lstm, lstn)'"], "encoder=lstn: there is no such option"),
        (["seed=1,2", "encoder.widht=4"], "encoder.widht: there is no such key"),
        (["hparams_search=grid", "optimizer.lr=interval(0, 1)"], "optimizer.lr is an interval, which a grid cannot enumerate"),
        (["seed=7"], "nothing to search"),
        (["seed=1,2", "hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials is 0; expected a whole number of at least 1"),
        (["seed=1,2", "hydra.sweeper.n_trials=null"], "hydra.sweeper.n_trials is null; set the number of trials"),
        (["seed=1,2", "hydra.sweeper.study_name=../x"], "hydra.sweeper.study_name is '../x'; expected a folder name"),
        (["seed=1,2", "hydra.sweeper.objectives={monitor: up}"], "objectives.monitor is 'up'; expected max or min"),
        (["seed=1,2", "hparams_search=pareto", "hydra/sweeper/pruner=asha"], "which needs a single objective, but there are 3"),
        (["seed=1,2", "hydra/sweeper/pruner=asha", "hydra.sweeper.pruner.reduction_factor=1"], "hydra.sweeper.pruner"),
        (["seed=1,2", "hydra/sweeper/pruner=ahsa"], "hydra/sweeper/pruner=ahsa: there is no such option"),
        (["seed=1,2", "hydra.sweeper.storage=postgresql://nobody@127.0.0.1:1/none"], "which cannot be opened"),
        (["seed=1,2", "repeat.seeds=3"], "repeat.seeds is 3, but a trial of a study is one run; remove it"),
        (["seed=1,2", "repeat.folds=5", "repeat.n_workers=2"], "repeat.folds is 5, but a trial of a study is one run"),
        (["repeat.seeds=null,[1,2]"], "repeat.seeds is [1, 2], but a trial of a study is one run"),
        (["seed=1,2", "hydra/launcher=joblib"], "a study starts its own processes"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_mistakes_in_the_command_are_reported(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in error_line([*SWEEP, *words], capsys)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["monitor=val/span_f1/strcit"],
            "monitor is 'val/span_f1/strcit', which nothing logs; did you mean val/span_f1/strict?",
        ),
        (
            ["+hydra.sweeper.objectives={val/accuray: max}"],
            "an objective is 'val/accuray', which nothing logs; did you mean val/accuracy?",
        ),
        (
            ["test=false", "+hydra.sweeper.objectives={test/accuracy: max}"],
            "an objective is 'test/accuracy', which nothing logs",
        ),
        (["+hydra.sweeper.objectives={test/mean: max}"], "an objective is 'test/mean', which nothing logs"),
        (["data=conll", "data.dir=nowhere"], "nowhere/train.conll: cannot be read"),
    ],
)
def test_mistakes_found_when_a_run_starts_are_reported(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    small = [] if "data=conll" in words else SMALL
    assert message in error_line([*SWEEP, *small, "seed=1,2", *words], capsys)
