"""`seqlab train` as a Hydra application: flags, overrides, sweeps, resuming, and reports of mistakes."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seqlab.cli import main

Train = Callable[..., tuple[int, Path]]

TINY = (
    "data=sample",
    "data.reader.n_train=16",
    "data.reader.n_val=6",
    "data.reader.n_test=10",
    "embedding=[words]",
    "encoder.width=8",
    "trainer.max_epochs=1",
    "logger=[csv]",
    "n_threads=1",
)


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Return a function that runs `seqlab train` in a folder of its own, and says the exit status and that folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)

    def run(*words: str) -> tuple[int, Path]:
        return main(["train", *words]), tmp_path

    return run


def test_train_leaves_a_run_folder_in_the_known_layout(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    status, folder = train(*TINY)
    (run,) = (folder / "runs").iterdir()
    assert status == 0
    expected = {".hydra", "checkpoints", "config.yaml", "csv", "environment.json", "metrics.json", "model", "predictions"}
    assert expected <= {path.name for path in run.iterdir()}
    assert {"best.ckpt", "last.ckpt"} <= {path.name for path in (run / "checkpoints").iterdir()}
    metrics = json.loads((run / "metrics.json").read_text())
    assert set(metrics["test"]["span_f1"]) == {"strict", "default", "exact", "partial", "type"}
    assert len((run / "predictions" / "test.jsonl").read_text().splitlines()) == 10
    assert str(run.name) in capsys.readouterr().out


def test_train_cfg_job_prints_the_config_and_trains_nothing(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    status, folder = train("experiment=demo", "encoder=gru", "--cfg", "job")
    printed = capsys.readouterr().out
    assert status == 0
    assert "_target_: seqlab.encoders.GruCell" in printed
    assert not (folder / "runs").exists()


def test_train_info_searchpath_names_the_config_folder(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    status, _ = train("--info", "searchpath")
    assert status == 0
    assert "conf" in capsys.readouterr().out


@pytest.mark.slow
def test_train_multirun_gives_each_combination_a_folder(train: Train) -> None:
    status, folder = train(*TINY, "-m", "seed=1,2", "trainer.fast_dev_run=true")
    (sweep,) = (folder / "multiruns").iterdir()
    assert status == 0
    seeds = {(run / "config.yaml").read_text().split("\nseed: ")[1].split("\n")[0] for run in sweep.iterdir() if run.is_dir()}
    assert seeds == {"1", "2"}


@pytest.mark.slow
def test_train_debug_options_run(train: Train) -> None:
    for debug in ("fdr", "limit", "overfit"):
        status, _ = train(*TINY, "max_tokens=20", f"debug={debug}")
        assert status == 0


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("encoder.widht=3", r"encoder\.widht: there is no such key; did you mean encoder\.width\?; encoder has .*depth"),
        ("encoder=lstn", r"encoder=lstn: there is no such option; did you mean encoder=lstm\?; encoder has chain, gru"),
        ("encoder=null", r"encoder=null: null is no name of an option; encoder has chain, gru"),
        ("encodr=lstm", r"encodr: there is no such key; did you mean encoder\?"),
        ("experiment=wnut", r"did you mean experiment=wnut17\?"),
        ("data=conll", r"data\.dir has no value; it has no default, so set data\.dir="),
        ("embedding.parts.words.width=wide", r"embedding\.parts\.words"),
        ("trainer.max_epochs=two", r"trainer\.max_epochs is 'two'; expected a whole number from -1"),
    ],
)
def test_train_reports_a_mistake_in_one_line(train: Train, capsys: pytest.CaptureFixture[str], word: str, message: str) -> None:
    status, _ = train(*TINY[4:], word)
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert status == 2
    assert len(error) == 1
    assert re.search(message, error[0])


@pytest.mark.parametrize("word", ["heads.tags.omission_cost=-1", "heads.tags.target.column=labels", "data=conll"])
def test_hydra_says_nothing_in_front_of_a_mistake(train: Train, capsys: pytest.CaptureFixture[str], word: str) -> None:
    status, _ = train(*TINY, word)
    assert status == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")


@pytest.mark.slow
def test_a_sweep_names_each_job_that_failed(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["-m", "heads.tags.omission_cost=-1,0,-2", "seed=3", "trainer.fast_dev_run=true"]
    status, folder = train(*TINY, *words)
    lines = capsys.readouterr().err.splitlines()
    assert status == 2
    assert [re.sub(r"omission_cost is .*", "…", line) for line in lines] == [
        "error: job 0 (heads.tags.omission_cost=-1): heads.tags: …",
        "error: job 2 (heads.tags.omission_cost=-2): heads.tags: …",
        "error: of the sweep, 2 jobs failed (0, 2), for the reasons above",
    ]
    assert (next((folder / "multiruns").iterdir()) / "1" / "metrics.json").is_file()


def test_a_value_that_a_job_lacks_is_reported_with_the_job(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    status, _ = train("data=conll", "-m", "seed=1,2")
    lines = capsys.readouterr().err.splitlines()
    assert status == 2
    assert lines[0].startswith("error: job 0 (seed=1): data.dir has no value; it has no default, so set data.dir=")
    assert len(lines) == 3


def test_a_config_folder_from_elsewhere_runs_no_code(train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "elsewhere" / "local").mkdir(parents=True)
    content = "# @package _global_\nhydra: {callbacks: {x: {_target_: os.mkdir, path: made}}}\n"
    (tmp_path / "elsewhere" / "local" / "default.yaml").write_text(content, encoding="utf-8")
    status, folder = train(*TINY, "--config-dir", "elsewhere")
    assert status == 2
    assert re.fullmatch(r"error: .*default\.yaml: hydra\.callbacks\.x\._target_ is 'os\.mkdir', .*\n", capsys.readouterr().err)
    assert {path.name for path in folder.iterdir()} == {"elsewhere"}


def test_a_model_keeps_no_value_of_the_environment(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s3cr3t")
    status, folder = train(*TINY, "trainer.fast_dev_run=true", "task_name=${oc.env:SECRET}")
    assert status == 0
    (run,) = (folder / "runs").iterdir()
    for name in ("bundle.json", "README.md"):
        text = (run / "model" / name).read_text(encoding="utf-8")
        assert "${oc.env:SECRET}" in text
        assert "s3cr3t" not in text
    assert "task_name: s3cr3t" in (run / "config.yaml").read_text(encoding="utf-8")


def test_a_mistyped_key_after_a_flag_is_reported_with_the_nearest(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    status, _ = train("--cfg", "job", "data=conll", "data.reader.commentprefix=x")
    assert status == 2
    assert "did you mean data.reader.comment_prefix?" in capsys.readouterr().err


def test_the_shell_completes_overrides_of_train(
    train: Train, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["seqlab"])
    train("-sc", "install=bash")
    script = capsys.readouterr().out
    assert 'helper="${words[0]} train"' in script
    assert script.endswith("-F hydra_bash_completion seqlab\n")
    monkeypatch.setenv("COMP_LINE", "seqlab train encoder=gr")
    train("-sc", "query=bash")
    assert capsys.readouterr().out.split() == ["encoder=gru", "encoder=gru_2014"]


COMPLETE = {
    "bash": """
        eval "$(seqlab train -sc install=bash)"
        complete -p seqlab > /dev/null || exit 1
        COMP_LINE='seqlab train encoder=gr' COMP_POINT=23 COMP_WORDS=(seqlab train encoder=gr) COMP_CWORD=2
        hydra_bash_completion
        printf '%s\\n' "${COMPREPLY[@]}"
    """,
    "fish": """
        seqlab train -sc install=fish | source
        complete -C 'seqlab train encoder=gr'
    """,
}


@pytest.mark.slow
@pytest.mark.parametrize("shell", list(COMPLETE))
def test_shells_complete_by_the_script_they_are_given(tmp_path: Path, repository: Path, shell: str) -> None:
    if (program := shutil.which(shell)) is None:
        pytest.skip(f"{shell} is not installed")
    command = tmp_path / "seqlab"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m seqlab "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    place = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(repository), "HOME": str(tmp_path)}
    done = subprocess.run([program, "-c", COMPLETE[shell]], env=os.environ | place, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["encoder=gru", "encoder=gru_2014"]), done.stderr
