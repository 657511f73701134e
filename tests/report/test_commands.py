"""The command that a report prints for a run."""

import json
from pathlib import Path

import pytest

from seqlab.report.run.header import command_line
from seqlab.runs.run import FinishedRun


@pytest.mark.parametrize(
    ("recorded", "printed"),
    [
        (["seqlab train", "encoder=gru"], "seqlab train encoder=gru"),
        (["seqlab", "train", "encoder=gru", "task_name=a b"], "seqlab train encoder=gru 'task_name=a b'"),
        (["seqlab train", "train", "-m", "seed=1,2"], "seqlab train -m seed=1,2"),
        (["my script.py"], "my script.py"),
        (None, ""),
    ],
)
def test_the_command_of_a_run_names_train_once(tmp_path: Path, recorded: list[str] | None, printed: str) -> None:
    (tmp_path / "environment.json").write_text(json.dumps({"command": recorded}), encoding="utf-8")
    assert command_line(FinishedRun(tmp_path)) == printed
