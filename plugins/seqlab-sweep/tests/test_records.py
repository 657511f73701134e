"""`seqlab sweep` on studies with made-up trials."""

import argparse
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState
from rich.console import Console
from seqlab_sweep.attributes import FAILURE, RETRY_OF, SPENT
from seqlab_sweep.command import retry
from seqlab_sweep.display import Display
from seqlab_sweep.failures import failure, headline
from seqlab_sweep.folders import check_unused, earlier_folders, make_folder
from seqlab_sweep.records import FORMAT, STATES, export, seconds_of, trial_record
from seqlab_sweep.searching import Objective
from seqlab_sweep.stores import Store, names_in
from seqlab_sweep.study import SharedStudy
from seqlab_sweep.worker import last_checkpoint

from seqlab.cli import main


def folder_of(shared: SharedStudy) -> str:
    assert shared.store.path
    return str(shared.store.path.parent)


def test_export_follows_its_format(recorded: SharedStudy, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "export", folder_of(recorded)]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content == json.loads(json.dumps(export(recorded)))
    assert content["format"] == FORMAT
    assert content["counts"] == dict(zip(STATES, [2, 1, 1, 0, 1, 0], strict=True))
    assert content["best"] == [1]
    assert content["space"]["encoder"] == {"kind": "choice", "choices": ["lstm", "gru"]}
    assert [trial["state"] for trial in content["trials"]] == ["complete", "complete", "pruned", "failed", "interrupted"]
    best = content["trials"][1]
    assert best["values"] == [0.8]
    assert best["intermediate"] == [[1, 0.5], [2, 0.8]]
    assert best["epochs"] == 2
    assert best["folder"] == "/multiruns/mine/1"
    assert best["overrides"] == [f"{key}={value}" for key, value in best["params"].items()]
    assert content["trials"][2]["values"] == [0.3]
    assert content["trials"][3]["failure"].endswith("RuntimeError: out of paper")


def test_export_goes_into_a_file(recorded: SharedStudy, tmp_path: Path) -> None:
    assert main(["sweep", "export", folder_of(recorded), "-o", str(tmp_path / "trials.json")]) == 0
    assert json.loads((tmp_path / "trials.json").read_text(encoding="utf-8"))["study"] == "mine"


def test_status_has_a_line_a_trial_with_the_reason_of_a_failure(
    recorded: SharedStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "status", folder_of(recorded)]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines]
    assert [row[:2] for row in rows[1:6]] == [
        ["0", "complete"],
        ["1", "complete"],
        ["2", "pruned"],
        ["3", "failed"],
        ["4", "interrupted"],
    ]
    assert rows[4][-1] == "RuntimeError: out of paper"
    assert lines[6] == "mine: 5 of 5 trials: 2 complete, 1 pruned, 1 failed, 1 interrupted"


def test_best_says_how_to_train_it_again(recorded: SharedStudy, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "best", folder_of(recorded)]) == 0
    out = capsys.readouterr().out
    params = recorded.trials()[1].params
    assert out.startswith("trial 1: monitor 0.8\n")
    words = "--config-dir '/my conf' hydra.mode=RUN hparams_search=tpe data=sample n_threads=2"
    assert f"seqlab train {words} optimizer.lr={params['optimizer.lr']} encoder={params['encoder']}\n" in out


def test_retry_queues_each_failed_trial_once(recorded: SharedStudy, capsys: pytest.CaptureFixture[str]) -> None:
    for expected in ("queued 1 trials", "nothing to retry: no trial failed, or all failed trials are queued already"):
        assert main(["sweep", "retry", folder_of(recorded)]) == 0
        assert capsys.readouterr().out.startswith(expected)
    assert len(recorded.trials()) == 6
    assert export(recorded)["trials"][5]["retry_of"] == 3


def test_two_retries_at_once_queue_each_failed_trial_once(recorded: SharedStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Store.held

    @contextmanager
    def held_after_another(store: Store) -> Iterator[None]:
        """Let another retry take the lock first."""
        with held(store):
            recorded.study.enqueue_trial(recorded.trials()[3].params, user_attrs={RETRY_OF: 3})
            yield

    monkeypatch.setattr(Store, "held", held_after_another)
    retry(recorded, argparse.Namespace(trials=[]))
    assert [trial["retry_of"] for trial in export(recorded)["trials"][5:]] == [3]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["retry", "{folder}", "--trials", "1"], "trial 1 has not failed, so it cannot be retried; failed trials: 3"),
        (["status", "{folder}", "--name", "yours"], "has no study 'yours'; its studies: mine"),
        (["status", "{folder}/0"], "no study found; "),
        (["status", "."], "no study found; expected a folder with study.json"),
        (["status", "oracle://x"], "storage is oracle://x; expected null (SQLite)"),
    ],
)
def test_mistakes_are_reported_in_one_line(
    words: list[str], message: str, recorded: SharedStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", *(word.format(folder=folder_of(recorded)) for word in words)]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_the_table_of_a_terminal_has_what_runs(recorded: SharedStudy) -> None:
    written = io.StringIO()
    with Display(recorded, n_trials=5, console=Console(file=written, force_terminal=True, width=120)) as display:
        display.refresh([4])
        display.ended(1)
    shown = written.getvalue()
    assert "mine: 4 of 5 ended, 1 pruned, 1 failed; best 0.8 (trial 1)" in shown
    assert "[4/5] trial 1: 0.8 after 2 epochs" in shown


def test_the_pareto_front_has_every_undominated_trial(tmp_path: Path) -> None:
    objectives = [Objective("monitor", "maximize"), Objective("n_parameters", "minimize")]
    shared = SharedStudy.started(Store(f"sqlite:///{tmp_path}/study.db"), "two", objectives=objectives)
    for values in ([0.9, 900.0], [0.8, 100.0], [0.7, 500.0]):
        shared.study.tell(shared.study.ask(), values)
    assert export(shared)["best"] == [0, 1]
    assert export(shared)["importance"] is None


def test_studies_may_live_in_a_journal(tmp_path: Path) -> None:
    store = Store(f"journal:{tmp_path}/deep/study.log")
    shared = SharedStudy.started(store, "mine", objectives=[Objective("monitor", "minimize")])
    shared.study.tell(shared.study.ask(), 0.25)
    assert SharedStudy.found(store, "mine").trials()[0].values == [0.25]
    assert main(["sweep", "best", f"journal:{tmp_path}/deep/study.log"]) == 0


def test_folders_of_earlier_attempts_are_kept(tmp_path: Path) -> None:
    assert make_folder(tmp_path, 3, attempt=1) == tmp_path / "3"
    (tmp_path / "3" / "kept").touch()
    for expected in ("3.attempt-1", "3.attempt-2"):
        assert not (tmp_path / expected).exists()
        assert make_folder(tmp_path, 3, attempt=2) == tmp_path / "3"
        assert (tmp_path / expected).is_dir()
    assert (tmp_path / "3.attempt-1" / "kept").exists()
    assert not list((tmp_path / "3").iterdir())


def test_the_latest_complete_checkpoint_is_resumed(tmp_path: Path) -> None:
    def write(attempt: int, content: bytes | None) -> Path:
        path = make_folder(tmp_path, 7, attempt=attempt) / "checkpoints" / "last.ckpt"
        path.parent.mkdir()
        if content is None:
            torch.save({"state_dict": {}}, path)
        else:
            path.write_bytes(content)
        return tmp_path / f"7.attempt-{attempt}" / "checkpoints" / "last.ckpt"

    whole = [write(1, None), write(2, None)]
    write(3, whole[0].read_bytes()[:-100])  # killed while writing the checkpoint
    make_folder(tmp_path, 7, attempt=4)  # killed before that
    make_folder(tmp_path, 7, attempt=5)
    assert last_checkpoint(earlier_folders(tmp_path, 7, attempts=range(1, 5))) == whole[1]
    assert last_checkpoint(earlier_folders(tmp_path, 7, attempts=range(3, 5))) is None


def test_folders_of_another_study_are_refused(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    with pytest.raises(Exception, match=r"already has trial folders \(0\), but the study is new"):
        check_unused(tmp_path)


@pytest.mark.parametrize(
    ("status", "printed", "beginning", "summary"),
    [
        (1, "epoch 1\nTraceback (most recent call last):\n  File x\nValueError: bad\n", "Traceback", "ValueError: bad"),
        (1, "Traceback (most recent call last):\n" + "  deep\n" * 100 + "ValueError: bad\n", "Traceback", "ValueError: bad"),
        (2, "epoch 1\nerror: data.dir is nowhere\n", "error: data.dir is nowhere", "error: data.dir is nowhere"),
        (-9, "epoch 1\n", "killed by SIGKILL", "killed by SIGKILL, possibly because memory ran out"),
        (-11, "Fatal Python error: Segmentation fault\n", "killed by SIGSEGV\nFatal Python", "killed by SIGSEGV"),
        (7, "epoch 1\n", "process exited with status 7\nepoch 1", "process exited with status 7"),
    ],
)
def test_failures_give_their_reason(status: int, printed: str, beginning: str, summary: str, tmp_path: Path) -> None:
    log = tmp_path / "trial.log"
    log.write_text(printed, encoding="utf-8")
    found = failure(status, log)
    assert found.startswith(beginning)
    assert headline(found) == summary


def test_failed_trials_keep_their_reason(recorded: SharedStudy) -> None:
    assert recorded.trials()[3].state == TrialState.FAIL
    assert recorded.trials()[3].user_attrs[FAILURE].startswith("Traceback")


def test_the_time_of_a_trial_excludes_pauses_between_attempts(recorded: SharedStudy) -> None:
    trial = recorded.trials()[0]
    assert trial.duration is not None
    assert seconds_of(trial) == trial.duration.total_seconds()
    trial.user_attrs[SPENT] = 12.5
    trial.datetime_complete = trial.datetime_start + timedelta(days=1)
    assert seconds_of(trial) == trial_record(trial)["seconds"] == 12.5


def test_a_study_without_a_complete_trial_reports_its_states(
    shared: SharedStudy, space: dict[str, BaseDistribution], capsys: pytest.CaptureFixture[str]
) -> None:
    shared.study.tell(shared.study.ask(space).number, state=TrialState.PRUNED)
    assert main(["sweep", "best", str(shared.facts.folder)]) == 2
    assert "study 'mine' has no complete trial: 1 pruned" in capsys.readouterr().err


def test_our_lock_does_not_clash_with_that_of_a_journal(tmp_path: Path) -> None:
    store = Store(f"journal:{tmp_path}/studies.log")
    storage = store.open()
    with store.held():
        assert not (tmp_path / "studies.log.lock").exists()
        storage.create_new_study([StudyDirection.MAXIMIZE], "mine")
    assert names_in(storage) == ["mine"]
